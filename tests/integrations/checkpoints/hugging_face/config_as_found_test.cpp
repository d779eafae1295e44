// A model is the same however its config.json and the names beside it are spelled: every model of
// tests/data/architectures.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/hugging_face_config.h"
#include "azimuth/hugging_face_folder.h"
#include "integrations/checkpoints/safetensors/safetensors_writer.h"
#include "support/temporary_folder.h"

namespace azimuth {
namespace {

using testing::raw;
using testing::TemporaryFolder;
using Json = nlohmann::ordered_json;

const std::filesystem::path kFolders = AZIMUTH_TEST_DATA "/architectures";
constexpr const char* kText = "text_config";

Json config_of(const std::string& name) {
  std::ifstream file(kFolders / name / "config.json");
  std::string text(std::istreambuf_iterator<char>(file), {});
  // What Python writes and JSON does not know.
  constexpr std::string_view kInfinity = " Infinity";
  for (std::size_t at = text.find(kInfinity); at != std::string::npos;
       at = text.find(kInfinity, at + 1)) {
    text.replace(at, kInfinity.size(), R"( {"__float__": "Infinity"})");
  }
  return Json::parse(text);
}

bool is_any(const Json&) { return true; }
bool has_text_part(const Json& config) { return config.contains(kText); }

std::vector<std::string> models_where(bool (*holds)(const Json& config)) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolders)) {
    const std::string name = entry.path().filename();
    if (entry.is_directory() && holds(config_of(name))) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

// Nothing where it is refused.
std::optional<HuggingFaceConfig> read(const Json& config) {
  try {
    HuggingFaceConfig read = HuggingFaceConfig::parse(config.dump());
    // 0 says the same, where it is that.
    read.architecture.head_size = read.head_size;
    return read;
  } catch (const FileError&) {
    return std::nullopt;
  }
}

class ConfigAsFound : public ::testing::TestWithParam<std::string> {
 protected:
  const Json config_ = config_of(GetParam());
};

// What null means to Transformers where that is not the default of the class. Fields that its
// classes do not allow to be null are read as if they were left out.
Json meaning_of_null(const std::string& key, const Json& fields) {
  const std::string model_type = fields.value("model_type", "");
  if (key == "num_key_value_heads" && fields.contains("num_attention_heads")) {
    return fields.at("num_attention_heads");
  }
  if (key == "head_dim" && fields.contains("hidden_size")) {
    return fields.at("hidden_size").get<int>() / fields.at("num_attention_heads").get<int>();
  }
  if (key == "per_layer_config") return Json::object();
  if (model_type == "falcon" && (key == "multi_query" || key == "parallel_attn")) return false;
  return nullptr;
}

TEST_P(ConfigAsFound, NullIsLeftOut) {
  const auto expect_equal = [](Json nulled, Json other, const std::string& part,
                               const std::string& key) {
    Json& fields = part.empty() ? nulled : nulled[part];
    Json& others = part.empty() ? other : other[part];
    const Json meaning = meaning_of_null(key, fields);
    fields[key] = nullptr;
    if (meaning.is_null()) {
      others.erase(key);
    } else {
      others[key] = meaning;
    }
    EXPECT_TRUE(read(nulled) == read(other)) << part << " " << key;
  };
  ASSERT_TRUE(read(config_));
  for (const std::string part : {"", kText}) {
    if (!part.empty() && !config_.contains(part)) continue;
    const Json& fields = part.empty() ? config_ : config_.at(part);
    for (const auto& [key, value] : fields.items()) {
      // Null: there is none.
      if (key == "bos_token_id" || key == "q_lora_rank" || key == "sliding_window" ||
          key == "rotary_dim" || key.ends_with("_softcapping")) {
        continue;
      }
      expect_equal(config_, config_, part, key);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(HuggingFace, ConfigAsFound, ::testing::ValuesIn(models_where(is_any)),
                         [](const auto& info) { return info.param; });

// As Transformers 4, Transformers 5 and publishers write them.
constexpr std::string_view kPrefixes[] = {"language_model.model.", "model.language_model.",
                                          "model."};

std::string with_prefix(const std::string& name, std::string_view prefix) {
  for (const std::string_view known : kPrefixes) {
    if (!name.starts_with(known)) continue;
    const std::string rest = name.substr(known.size());
    for (const char* part : {"layers.", "embed_tokens", "norm.", "per_layer_", "altup_"}) {
      if (rest.starts_with(part)) return std::string(prefix) + rest;
    }
  }
  return name;
}

// A safetensors file whose tensors have other names: data lie where they lay.
std::string renamed(const std::filesystem::path& file, std::string_view prefix) {
  std::ifstream in(file, std::ios::binary);
  std::uint64_t length = 0;
  in.read(reinterpret_cast<char*>(&length), sizeof length);
  std::string header(length, ' ');
  in.read(header.data(), static_cast<std::streamsize>(length));
  const Json found = Json::parse(header);
  Json names = Json::object();
  for (const auto& [name, value] : found.items()) {
    names[with_prefix(name, prefix)] = value;
  }
  header = names.dump();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return raw<std::uint64_t>(header.size()) + header +
         std::string(std::istreambuf_iterator<char>(in), {});
}

class TextPart : public ::testing::TestWithParam<std::string> {};

TEST_P(TextPart, IsReadUnderEveryPrefix) {
  const std::filesystem::path folder = kFolders / GetParam();
  const std::string digest = load_hugging_face(folder).digest();
  for (const std::string_view prefix : kPrefixes) {
    const TemporaryFolder copy;
    copy.write("config.json", config_of(GetParam()).dump());
    copy.write("model.safetensors", renamed(folder / "model.safetensors", prefix));
    EXPECT_EQ(load_hugging_face(copy.path()).digest(), digest) << prefix;
  }
}

INSTANTIATE_TEST_SUITE_P(HuggingFace, TextPart, ::testing::ValuesIn(models_where(has_text_part)),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace azimuth
