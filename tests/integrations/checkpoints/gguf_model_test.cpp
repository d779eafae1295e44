#include "azimuth/gguf_model.h"

#include <gmock/gmock.h>

#include <functional>

#include "integrations/checkpoints/gguf_writer.h"

namespace azimuth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

GgufTensor zeros(std::string name, std::uint64_t columns, std::uint64_t rows) {
  std::vector<std::uint64_t> dims = {columns};
  if (rows > 1) dims.push_back(rows);
  return {std::move(name), dims, 0, std::string(4 * columns * rows, '\0')};
}

// 8 wide, 2 heads that share one KV head of 4, one block, FFN of 12, 16 tokens.
GgufWriter small_llama() {
  GgufWriter file;
  file.keys = {{"general.architecture", text("llama")},
               {"llama.attention.head_count", u32(2)},
               {"llama.attention.head_count_kv", u32(1)},
               {"llama.attention.layer_norm_rms_epsilon", f32(0.125f)},
               {"tokenizer.ggml.eos_token_id", u32(5)},
               {"tokenizer.ggml.unknown_token_id", u32(3)},
               {"tokenizer.ggml.bos_token_id", u32(4)},
               {"tokenizer.ggml.padding_token_id", u32(5)},
               {"tokenizer.ggml.mask_token_id", u32(~0u)},
               {"tokenizer.ggml.eot_token_id", u32(0)}};
  file.tensors = {zeros("token_embd.weight", 8, 16),    zeros("blk.0.attn_norm.weight", 8, 1),
                  zeros("blk.0.attn_q.weight", 8, 8),   zeros("blk.0.attn_k.weight", 8, 4),
                  zeros("blk.0.attn_v.weight", 8, 4),   zeros("blk.0.attn_output.weight", 8, 8),
                  zeros("blk.0.ffn_norm.weight", 8, 1), zeros("blk.0.ffn_gate.weight", 8, 12),
                  zeros("blk.0.ffn_up.weight", 8, 12),  zeros("blk.0.ffn_down.weight", 12, 8),
                  zeros("output_norm.weight", 8, 1)};
  return file;
}

void set(GgufWriter& writer, const std::string& key, const std::string& value) {
  std::erase_if(writer.keys, [&](const auto& pair) { return pair.first == key; });
  writer.keys.emplace_back(key, value);
}

TEST(GgufModel, LlamaIsReadFromItsMetadata) {
  const TemporaryFile file(small_llama().bytes());
  const Architecture architecture = architecture_from_gguf(GgufFile::open(file.path()));
  EXPECT_EQ(architecture.name, "llama");
  EXPECT_EQ(architecture.heads, 2);
  EXPECT_EQ(architecture.kv_heads, 1);
  EXPECT_EQ(architecture.norm_epsilon, 0.125);
  EXPECT_EQ(architecture.norm, NormKind::rms);
  // BOS first, 5 once, and not the id that no token has.
  EXPECT_THAT(architecture.special_token_ids, ElementsAre(4, 5, 3, 0));
}

TEST(GgufModel, LlamaHasAsManyKvHeadsAsHeadsWhereNothingIsSaid) {
  GgufWriter writer = small_llama();
  std::erase_if(writer.keys, [](const auto& key) { return key.first.ends_with("head_count_kv"); });
  const TemporaryFile file(writer.bytes());
  EXPECT_EQ(architecture_from_gguf(GgufFile::open(file.path())).kv_heads, 2);
}

TEST(GgufModel, Gpt2IsReadFromItsMetadata) {
  GgufWriter writer;
  writer.keys = {{"general.architecture", text("gpt2")},
                 {"gpt2.attention.head_count", u32(12)},
                 {"gpt2.attention.layer_norm_epsilon", f32(0.5f)}};
  const TemporaryFile file(writer.bytes());
  const Architecture architecture = architecture_from_gguf(GgufFile::open(file.path()));
  EXPECT_EQ(architecture.name, "gpt2");
  EXPECT_EQ(architecture.heads, 12);
  EXPECT_EQ(architecture.kv_heads, 12);
  EXPECT_EQ(architecture.norm_epsilon, 0.5);
  EXPECT_EQ(architecture.norm, NormKind::layer);
  EXPECT_THAT(architecture.special_token_ids, ElementsAre());
}

TEST(GgufModel, WeightsHaveTheSizesOfTheFile) {
  const TemporaryFile file(small_llama().bytes());
  const ModelWeights weights = load_gguf(file.path());
  EXPECT_EQ(weights.hidden_size(), 8);
  EXPECT_EQ(weights.ffn_size(), 12);
  EXPECT_EQ(weights.vocab_size(), 16);
  EXPECT_EQ(weights.head_size(), 4);
  EXPECT_EQ(weights.blocks().size(), 1u);
}

struct BadModel {
  const char* name;
  std::function<void(GgufWriter&)> damage;  ///< of the small LLaMA
  const char* what;
  const char* why;
};

void PrintTo(const BadModel& model, std::ostream* out) { *out << model.name; }

const BadModel kBadModels[] = {
    {"UnknownArchitecture", [](auto& f) { set(f, "general.architecture", text("mamba")); },
     "key general.architecture", "'mamba' is not known; known are gpt2, llama"},
    {"ArchitectureIsANumber", [](auto& f) { set(f, "general.architecture", u32(1)); },
     "key general.architecture", "is no string"},
    {"NoArchitecture", [](auto& f) { f.keys.erase(f.keys.begin()); }, "key general.architecture",
     "is missing"},
    {"NoHeads", [](auto& f) { set(f, "llama.attention.head_count", u32(0)); },
     "key llama.attention.head_count", "is 0; 1 to 65536 heads are allowed"},
    {"TooManyHeads", [](auto& f) { set(f, "llama.attention.head_count", u32(1u << 31)); },
     "key llama.attention.head_count", "is 2147483648; 1 to 65536"},
    {"HeadsByBlock", [](auto& f) { set(f, "llama.attention.head_count", array(4, 1, raw(2u))); },
     "key llama.attention.head_count", "is an array"},
    {"KvHeadsDoNotDivideHeads", [](auto& f) { set(f, "llama.attention.head_count_kv", u32(3)); },
     "model", "heads must be a positive multiple of kv_heads"},
    {"EpsilonNegative", [](auto& f) { set(f, "llama.attention.layer_norm_rms_epsilon", f32(-1)); },
     "model", "norm_epsilon"},
    {"TokenIdIsAString", [](auto& f) { set(f, "tokenizer.ggml.sep_token_id", text("4")); },
     "key tokenizer.ggml.sep_token_id", "is no integer"},
    {"TensorMissing", [](auto& f) { f.tensors.erase(f.tensors.begin() + 4); }, "model",
     "value_weight"},
    {"TensorOfAnotherShape", [](auto& f) { f.tensors[9] = zeros("blk.0.ffn_down.weight", 8, 12); },
     "model", "tensor blk.0.ffn_down.weight: shape"},
    {"NoTensors", [](auto& f) { f.tensors.clear(); }, "model", "token_embedding"},
};

class Bad : public ::testing::TestWithParam<BadModel> {};

TEST_P(Bad, IsAnErrorOfTheFile) {
  GgufWriter writer = small_llama();
  GetParam().damage(writer);
  const TemporaryFile file(writer.bytes());
  const std::string start = file.path().string() + ": " + GetParam().what + ": ";
  EXPECT_THAT([&] { load_gguf(file.path()); },
              ThrowsMessage<FileError>(AllOf(HasSubstr(start), HasSubstr(GetParam().why))));
}

INSTANTIATE_TEST_SUITE_P(GgufModel, Bad, ::testing::ValuesIn(kBadModels),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace azimuth
