#include "azimuth/gguf_model.h"

#include <algorithm>
#include <string>

#include "core_errors.h"

namespace azimuth {
namespace {

constexpr std::string_view kTokenizer = "tokenizer.ggml.";
constexpr std::string_view kTokenEmbedding = "token_embd.weight";

std::vector<std::int64_t> special_token_ids(const GgufFile& file) {
  // Converters write ids that no token has (-1, as an unsigned number) for "none".
  std::int64_t vocab_size = 0;
  for (const NamedTensor& tensor : file.tensors().tensors) {
    if (tensor.name == kTokenEmbedding) vocab_size = tensor.view.rows();
  }
  std::vector<std::int64_t> ids;
  const auto add = [&](std::string_view key) {
    const std::int64_t id = file.integer(key);
    if (id >= 0 && id < vocab_size && std::ranges::count(ids, id) == 0) ids.push_back(id);
  };
  const std::string bos = std::string(kTokenizer) + "bos_token_id";
  if (file.has(bos)) add(bos);
  for (const std::string_view key : file.keys()) {
    if (key.starts_with(kTokenizer) && key.ends_with("_token_id")) add(key);
  }
  return ids;
}

std::int64_t head_count(const GgufFile& file, const std::string& key) {
  constexpr std::int64_t kMaxHeads = 65'536;
  const std::int64_t heads = file.integer(key);
  if (heads < 1 || heads > kMaxHeads) {
    throw FileError(file.path(), "key " + key,
                    "is " + std::to_string(heads) + "; 1 to " + std::to_string(kMaxHeads) +
                        " heads are allowed");
  }
  return heads;
}

Architecture known_architecture(const GgufFile& file) {
  const std::string_view name = file.string("general.architecture");
  if (name == "llama") {
    const std::string kv_heads = "llama.attention.head_count_kv";
    return Architecture::llama({.heads = head_count(file, "llama.attention.head_count"),
                                .kv_heads = file.has(kv_heads) ? head_count(file, kv_heads) : 0,
                                .norm_epsilon = file.real("llama.attention.layer_norm_rms_epsilon"),
                                .special_token_ids = special_token_ids(file)});
  }
  if (name == "gpt2") {
    return Architecture::gpt2({.heads = head_count(file, "gpt2.attention.head_count"),
                               .norm_epsilon = file.real("gpt2.attention.layer_norm_epsilon"),
                               .special_token_ids = special_token_ids(file)});
  }
  throw FileError(file.path(), "key general.architecture",
                  "'" + std::string(name) + "' is not known; known are gpt2, llama");
}

}  // namespace

Architecture architecture_from_gguf(const GgufFile& file) {
  return with_file_errors(file.path(), [&] { return known_architecture(file); });
}

ModelWeights load_gguf(const std::filesystem::path& file) {
  const GgufFile gguf = GgufFile::open(file);
  return with_file_errors(file, [&] {
    return ModelWeights::from_tensors(architecture_from_gguf(gguf), gguf.tensors());
  });
}

}  // namespace azimuth
