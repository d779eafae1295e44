#include "azimuth/hugging_face_config.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include "azimuth/joined.h"
#include "files/strict_json.h"
#include "hugging_face/config_fields.h"
#include "hugging_face/hugging_face_families.h"
#include "hugging_face/quantisation.h"
#include "hugging_face/sequence_families.h"

namespace azimuth {
namespace {

constexpr std::size_t kMaxBytes = 16 << 20;
constexpr std::size_t kMaxSpecialTokens = 1'000;
constexpr std::int64_t kMaxHiddenSize = 1 << 24;
constexpr std::int64_t kMaxVocabSize = 1ll << 31;

constexpr std::string_view kTextConfig = "text_config";
constexpr std::string_view kBos = "bos_token_id";

const MultimodalModel* multimodal_model_of(const ConfigFields& fields) {
  const auto models = multimodal_models();
  const auto found =
      std::ranges::find(models, fields.text("model_type", ""), &MultimodalModel::model_type);
  return found == models.end() ? nullptr : &*found;
}

bool is_known(std::string_view model_type) {
  return std::ranges::count(hugging_face_families(), model_type, &HuggingFaceFamily::model_type) >
         0;
}

const HuggingFaceFamily& family_of(const ConfigFields& fields, std::string_view otherwise) {
  const std::string_view model_type = fields.text("model_type", otherwise);
  if (model_type.empty()) fields.fail("model_type", "is missing");
  const auto families = hugging_face_families();
  const auto found = std::ranges::find(families, model_type, &HuggingFaceFamily::model_type);
  if (found != families.end()) return *found;
  std::vector<std::string_view> names;
  for (const MultimodalModel& model : multimodal_models()) {
    if (is_known(model.text)) names.push_back(model.model_type);
  }
  for (const HuggingFaceFamily& family : families) names.push_back(family.model_type);
  std::ranges::sort(names);
  fields.fail("model_type", "'" + std::string(model_type.substr(0, 120)) +
                                "' is not known; known are " + joined(names));
}

const HuggingFaceFamily& family_named(std::string_view model_type) {
  return *std::ranges::find(hugging_face_families(), model_type, &HuggingFaceFamily::model_type);
}

class SpecialTokens {
 public:
  explicit SpecialTokens(std::int64_t vocab_size) : vocab_size_(vocab_size) {}

  void add(std::int64_t id) {
    if (id < 0 || id >= vocab_size_ || !seen_.insert(id).second) return;
    ids_.push_back(id);
  }

  // The ids of one key.
  void add(const ConfigFields& fields, const std::string& key, const ConfigFields::Json& value) {
    if (value.is_array()) {
      for (const ConfigFields::Json& id : value) add_one(fields, key, id);
    } else {
      add_one(fields, key, value);
    }
    if (ids_.size() > kMaxSpecialTokens) {
      fields.fail(key, "there are more than " + std::to_string(kMaxSpecialTokens) +
                           " special tokens up to this key");
    }
  }

  // Of all keys, in the order of the file.
  void add_all(const ConfigFields& fields) {
    for (const auto& [key, value] : fields.json().items()) {
      if (key.ends_with("_token_id")) add(fields, key, value);
      if (key == kTextConfig) add_all(fields.object(kTextConfig));
    }
  }

  std::vector<std::int64_t> take() { return std::move(ids_); }
  std::vector<std::string> take_warnings() { return std::move(warnings_); }

 private:
  void add_one(const ConfigFields& fields, const std::string& key, const ConfigFields::Json& id) {
    if (id.is_null()) return;
    if (!id.is_number_integer()) fields.fail(key, "is not an integer");
    if (id.is_number_unsigned() &&
        id.get<std::uint64_t>() >= static_cast<std::uint64_t>(vocab_size_)) {
      note_outside(key, id.dump());
      return;
    }
    add(id.get<std::int64_t>());  // a negative one says that there is none
  }

  void note_outside(const std::string& key, const std::string& id) {
    std::string warning = "config.json: " + key + " " + id + " lies outside the vocabulary of " +
                          std::to_string(vocab_size_) + " and is not used";
    if (warnings_.size() < kMaxSpecialTokens && std::ranges::count(warnings_, warning) == 0) {
      warnings_.push_back(std::move(warning));
    }
  }

  std::int64_t vocab_size_;
  std::vector<std::string> warnings_;
  std::vector<std::int64_t> ids_;
  std::unordered_set<std::int64_t> seen_;
};

// `text` is `fields` itself, or the part of it that describes the text model.
SpecialTokens special_tokens(const ConfigFields& fields, const ConfigFields& text,
                             std::int64_t vocab_size, std::int64_t default_bos) {
  SpecialTokens tokens(vocab_size);
  const std::string bos(kBos);
  for (const ConfigFields* part : {&text, &fields}) {
    if (part->has(kBos)) tokens.add(*part, bos, part->json().at(bos));
  }
  if (!text.has(kBos) && !fields.has(kBos)) tokens.add(default_bos);
  tokens.add_all(fields);
  return tokens;
}

HuggingFaceConfig read(const std::filesystem::path& file, const ConfigFields::Json& json) {
  if (!json.is_object()) throw FileError(file, "JSON", "is not an object");
  const ConfigFields fields(file, json);
  const MultimodalModel* const multimodal = multimodal_model_of(fields);
  const bool flat = multimodal != nullptr && multimodal->flat && !fields.gives(kTextConfig);
  if (multimodal != nullptr && multimodal->any_text && !fields.gives(kTextConfig)) {
    fields.fail(kTextConfig, "is missing");
  }
  const ConfigFields text = multimodal != nullptr && !flat ? fields.object(kTextConfig) : fields;
  if (multimodal != nullptr && !multimodal->any_text && !flat &&
      text.text("model_type", multimodal->text) != multimodal->text) {
    text.fail("model_type", "is not '" + std::string(multimodal->text) + "'");
  }
  const HuggingFaceFamily& family =
      flat ? family_named(multimodal->text)
           : family_of(text, multimodal == nullptr ? "" : multimodal->text);

  HuggingFaceConfig config;
  config.quantisation = read_quantisation(fields.object("quantization_config"));
  if (config.quantisation == nullptr) {
    config.quantisation = read_quantisation(text.object("quantization_config"));
  }
  config.hidden_size = text.count({"hidden_size", "n_embd", "n_embed", "d_model"},
                                  family.hidden_size, kMaxHiddenSize);
  config.block_count = text.count({"num_hidden_layers", "n_layer", "n_layers", "num_layers"},
                                  family.block_count, kMaxBlocks);
  config.vocab_size = text.count({"vocab_size"}, family.vocab_size, kMaxVocabSize);
  Architecture& a = config.architecture;
  a.name = family.architecture.empty() ? family.model_type : family.architecture;
  a.qkv_layout = family.qkv_layout;
  a.heads = text.count({"num_attention_heads", "n_head", "n_heads", "num_heads"}, family.heads,
                       kMaxHeads);
  a.kv_heads = a.heads;
  family.read(text, config);
  a.sequences = read_sequences(family.model_type, fields, text, config);
  config.head_size = a.head_size > 0 ? a.head_size : config.hidden_size / a.heads;
  SpecialTokens special = special_tokens(fields, text, config.vocab_size, family.bos);
  a.special_token_ids = special.take();
  for (std::string& warning : special.take_warnings()) {
    config.warnings.push_back(std::move(warning));
  }
  a.check();
  return config;
}

}  // namespace

HuggingFaceConfig HuggingFaceConfig::open(const std::filesystem::path& file) {
  const ConfigFields::Json json = parse_python_json_file(file, kMaxBytes);
  return with_file_errors(file, "model", [&] { return read(file, json); });
}

HuggingFaceConfig HuggingFaceConfig::parse(std::string_view text,
                                           const std::filesystem::path& name) {
  const ConfigFields::Json json = parse_python_json(name, "JSON", text);
  return with_file_errors(name, "model", [&] { return read(name, json); });
}

}  // namespace azimuth
