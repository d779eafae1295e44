#include "azimuth/gguf_model.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "integrations/checkpoints/gguf/gguf_writer.h"
#include "integrations/checkpoints/known_names.h"

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

TEST(GgufModel, IdsOutsideTheVocabularyAreSaid) {
  GgufWriter writer = small_llama();
  const TemporaryFile whole(writer.bytes());
  EXPECT_THAT(load_gguf(whole.path()).warnings(), ElementsAre()) << "~0 says that there is none";
  set(writer, "tokenizer.ggml.bos_token_id", u32(100));
  const TemporaryFile file(writer.bytes());
  EXPECT_THAT(
      load_gguf(file.path()).warnings(),
      ElementsAre("tokenizer.ggml.bos_token_id 100 lies outside the vocabulary of 16 and is "
                  "not used"));
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

// The FFN of the small LLaMA as two experts, of which a token takes one.
GgufWriter small_mixtral() {
  GgufWriter file = small_llama();
  file.keys.emplace_back("llama.expert_count", u32(2));
  file.keys.emplace_back("llama.expert_used_count", u32(1));
  std::erase_if(file.tensors, [](const GgufTensor& t) {
    return t.name.find("ffn_norm") == std::string::npos && t.name.find("ffn_") != std::string::npos;
  });
  file.tensors.push_back(zeros("blk.0.ffn_gate_inp.weight", 8, 2));
  for (const char* name : {"gate", "up", "down"}) {
    GgufTensor tensor = zeros("blk.0.ffn_" + std::string(name) + "_exps.weight", 8, 24);
    tensor.dims = {8, 12, 2};
    if (name == std::string("down")) tensor.dims = {12, 8, 2};
    file.tensors.push_back(tensor);
  }
  return file;
}

GgufTensor& tensor_of(GgufWriter& writer, const std::string& name) {
  return *std::ranges::find(writer.tensors, name, &GgufTensor::name);
}

TEST(GgufModel, ExpertsOfOneTensorAreReadOneByOne) {
  GgufWriter writer = small_mixtral();
  std::string& down = tensor_of(writer, "blk.0.ffn_down_exps.weight").data;
  for (std::size_t i = 0; i < 2 * 8 * 12; ++i) {
    const auto number = static_cast<float>(i);
    std::memcpy(&down[4 * i], &number, 4);
  }
  const TemporaryFile file(writer.bytes());
  const ModelWeights weights = load_gguf(file.path());
  EXPECT_EQ(weights.architecture().name, "mixtral");
  EXPECT_EQ(weights.sizes().parameter_count, GgufFile::open(file.path()).tensors().parameter_count);
  ASSERT_EQ(weights.blocks()[0].feed_forwards().size(), 2u);
  for (Eigen::Index expert = 0; expert < 2; ++expert) {
    Eigen::MatrixXf rows(12, 8);
    weights.blocks()[0].feed_forwards()[static_cast<std::size_t>(expert)].down.map->unpack_rows(
        0, rows);
    EXPECT_EQ(rows(0, 0), static_cast<float>(96 * expert));
    EXPECT_EQ(rows(11, 7), static_cast<float>(96 * expert + 95));
  }
}

// As llama.cpp wrote them until April 2024.
TEST(GgufModel, ExpertsOfOneTensorEachAreRead) {
  GgufWriter writer = small_mixtral();
  std::erase_if(writer.tensors, [](const GgufTensor& t) { return t.dims.size() == 3; });
  for (const char* expert : {".0.weight", ".1.weight"}) {
    writer.tensors.push_back(zeros(std::string("blk.0.ffn_gate") + expert, 8, 12));
    writer.tensors.push_back(zeros(std::string("blk.0.ffn_up") + expert, 8, 12));
    writer.tensors.push_back(zeros(std::string("blk.0.ffn_down") + expert, 12, 8));
  }
  const TemporaryFile file(writer.bytes());
  EXPECT_EQ(load_gguf(file.path()).blocks()[0].feed_forwards().size(), 2u);
}

// Files say so of what they do not have.
TEST(GgufModel, NeutralSettingsAreAccepted) {
  GgufWriter writer = small_llama();
  writer.keys.emplace_back("llama.expert_count", u32(0));
  writer.keys.emplace_back("llama.expert_used_count", u32(0));
  writer.keys.emplace_back("llama.expert_shared_count", u32(0));
  writer.keys.emplace_back("llama.attention.clamp_kqv", f32(0));
  writer.keys.emplace_back("llama.residual_scale", f32(1));
  writer.keys.emplace_back("llama.block_count", u32(1));
  writer.keys.emplace_back("llama.embedding_length", u32(8));
  writer.keys.emplace_back("llama.attention.value_length", u32(4));
  writer.keys.emplace_back("llama.attention.key_length", u32(4));
  writer.keys.emplace_back("llama.vocab_size", u32(16));
  writer.keys.emplace_back("llama.feed_forward_length", u32(12));
  writer.tensors.push_back(zeros("rope_freqs.weight", 2, 1));
  writer.tensors.push_back(zeros("blk.0.attn_rot_embd.weight", 2, 1));
  const TemporaryFile file(writer.bytes());
  EXPECT_EQ(load_gguf(file.path()).architecture().name, "llama");
}

// What cannot be read, and plays no part: the model is the one without it.
TEST(GgufModel, TensorsThatPlayNoPartMayBeOfAnyType) {
  const TemporaryFile plain(small_llama().bytes());
  const ModelWeights expected = load_gguf(plain.path());
  GgufWriter writer = small_llama();
  const auto add = [&](GgufTensor tensor, std::uint32_t type) {
    tensor.type = type;
    writer.tensors.push_back(std::move(tensor));
  };
  add(zeros("rope_freqs.weight", 2, 1), 28);
  add(zeros("blk.0.attn_rot_embd.weight", 2, 1), 24);
  add(zeros("blk.0.attn_v.ids", 2, 1), 27);
  const TemporaryFile idle(writer.bytes());
  EXPECT_EQ(load_gguf(idle.path()).digest(), expected.digest());
  EXPECT_THAT(load_gguf(idle.path()).warnings(), ElementsAre());
  add(zeros("v.blk.0.attn_q.weight", 8, 8), 41);
  add({"output.weight", {8, 0}, 0, ""}, 0);  // the placeholder of a head
  const TemporaryFile outside(writer.bytes());
  EXPECT_EQ(load_gguf(outside.path()).digest(), expected.digest());
  EXPECT_EQ(load_gguf(outside.path()).sizes().parameter_count, expected.sizes().parameter_count);
  EXPECT_THAT(load_gguf(outside.path()).warnings(),
              ElementsAre("1 tensor outside the blocks is not used: v.blk.0.attn_q.weight"));
}

TEST(GgufModel, PositionsAreAsManyAsTheMetadataSay) {
  GgufWriter writer;
  writer.keys = {{"general.architecture", text("gpt2")},
                 {"gpt2.attention.head_count", u32(2)},
                 {"gpt2.attention.layer_norm_epsilon", f32(0.5f)},
                 {"gpt2.context_length", u32(7)},
                 {"gpt2.feed_forward_length", u32(32)}};  // four times the hidden size
  writer.tensors = {zeros("token_embd.weight", 8, 16),       zeros("position_embd.weight", 8, 7),
                    zeros("blk.0.attn_norm.weight", 8, 1),   zeros("blk.0.attn_qkv.weight", 8, 24),
                    zeros("blk.0.attn_output.weight", 8, 8), zeros("blk.0.ffn_norm.weight", 8, 1),
                    zeros("blk.0.ffn_up.weight", 8, 12),     zeros("blk.0.ffn_down.weight", 12, 8),
                    zeros("output_norm.weight", 8, 1)};
  const TemporaryFile file(writer.bytes());
  EXPECT_EQ(load_gguf(file.path()).ffn_size(), 12);
  const auto refused = [&](const char* key, std::uint32_t value, const char* why) {
    GgufWriter changed = writer;
    set(changed, key, u32(value));
    const TemporaryFile other(changed.bytes());
    EXPECT_THAT([&] { load_gguf(other.path()); }, ThrowsMessage<FileError>(HasSubstr(why)));
  };
  refused("gpt2.context_length", 8, "key gpt2.context_length: is 8, but the weights have 7");
  refused("gpt2.feed_forward_length", 24, "key gpt2.feed_forward_length: is 24, but the weights");
}

struct BadModel {
  const char* name;
  std::function<void(GgufWriter&)> damage;  ///< of the small LLaMA
  const char* what;
  std::string why;
};

void PrintTo(const BadModel& model, std::ostream* out) { *out << model.name; }

const BadModel kBadModels[] = {
    {"UnknownArchitecture", [](auto& f) { set(f, "general.architecture", text("mamba")); },
     "key general.architecture", "'mamba' is not known; known are " + sorted_list(known_to_gguf())},
    {"ArchitectureIsANumber", [](auto& f) { set(f, "general.architecture", u32(1)); },
     "key general.architecture", "is not a string"},
    {"NoArchitecture", [](auto& f) { f.keys.erase(f.keys.begin()); }, "key general.architecture",
     "is missing"},
    {"NoHeads", [](auto& f) { set(f, "llama.attention.head_count", u32(0)); },
     "key llama.attention.head_count", "is 0; 1 to 65536 is allowed"},
    {"TooManyHeads", [](auto& f) { set(f, "llama.attention.head_count", u32(1u << 31)); },
     "key llama.attention.head_count", "is 2147483648; 1 to 65536"},
    {"HeadsByBlock", [](auto& f) { set(f, "llama.attention.head_count", array(4, 1, raw(2u))); },
     "key llama.attention.head_count", "is an array"},
    {"KvHeadsDoNotDivideHeads", [](auto& f) { set(f, "llama.attention.head_count_kv", u32(3)); },
     "model", "heads must be a positive multiple of kv_heads"},
    {"KvHeadsThatDiffer",
     [](auto& f) { set(f, "llama.attention.head_count_kv", array(4, 2, raw(1u) + raw(2u))); },
     "key llama.attention.head_count_kv", "holds 1 and 2: blocks that differ so are not supported"},
    {"EpsilonNegative", [](auto& f) { set(f, "llama.attention.layer_norm_rms_epsilon", f32(-1)); },
     "model", "norm_epsilon"},
    {"TokenIdIsAString", [](auto& f) { set(f, "tokenizer.ggml.sep_token_id", text("4")); },
     "key tokenizer.ggml.sep_token_id", "is not an integer"},
    {"TensorMissing", [](auto& f) { f.tensors.erase(f.tensors.begin() + 4); }, "model",
     "value_weight"},
    {"TensorOfAnotherShape", [](auto& f) { f.tensors[9] = zeros("blk.0.ffn_down.weight", 8, 12); },
     "model", "tensor blk.0.ffn_down.weight: shape"},
    {"NoTensors", [](auto& f) { f.tensors.clear(); }, "model", "token_embedding"},
    {"BlockCountOfAnotherModel", [](auto& f) { set(f, "llama.block_count", u32(2)); },
     "key llama.block_count", "is 2, but the weights have 1"},
    {"SizeOfAnotherModel", [](auto& f) { set(f, "llama.embedding_length", u32(16)); },
     "key llama.embedding_length", "is 16, but the weights have 8"},
    {"HeadSizeOfAnotherModel", [](auto& f) { set(f, "llama.attention.value_length", u32(8)); },
     "model", "tensor blk.0.attn_v.weight: shape"},
    {"KeySizeOfAnotherModel", [](auto& f) { set(f, "llama.attention.key_length", u32(8)); },
     "key llama.attention.key_length",
     "is 8, but query_weight of block 1 has shape {8, 8} where {16, 8} is expected"},
    {"QueriesOfAnotherModel",
     [](auto& f) { tensor_of(f, "blk.0.attn_q.weight") = zeros("blk.0.attn_q.weight", 8, 4); },
     "key llama.attention.key_length",
     "is missing, and stands for 4, but query_weight of block 1 has shape {4, 8} where {8, 8}"},
    {"KeysOfAnotherModel",
     [](auto& f) { tensor_of(f, "blk.0.attn_k.weight") = zeros("blk.0.attn_k.weight", 8, 8); },
     "key llama.attention.key_length", "key_weight of block 1 has shape {8, 8} where {4, 8}"},
    {"KeySizeOfAFusedMatrix",
     [](auto& f) {
       f.tensors.erase(f.tensors.begin() + 2, f.tensors.begin() + 5);
       f.tensors.push_back(zeros("blk.0.attn_qkv.weight", 8, 16));
       set(f, "llama.attention.key_length", u32(8));
     },
     "key llama.attention.key_length", "is 8, but the weights have 4"},
    {"OneRanksShard",  // values and what follows them, and the FFN, halved; nothing is said of
                       // heads
     [](auto& f) {
       for (const char* name : {"q", "k", "v"}) {
         const std::string full = "blk.0.attn_" + std::string(name) + ".weight";
         tensor_of(f, full) = zeros(full, 8, name[0] == 'q' ? 4 : 2);
       }
       tensor_of(f, "blk.0.attn_output.weight") = zeros("blk.0.attn_output.weight", 4, 8);
     },
     "key llama.attention.key_length", "is missing, and stands for 4, but query_weight of block 1"},
    {"ValuesOfAnotherModel",
     [](auto& f) {
       tensor_of(f, "blk.0.attn_v.weight") = zeros("blk.0.attn_v.weight", 8, 2);
       tensor_of(f, "blk.0.attn_output.weight") = zeros("blk.0.attn_output.weight", 4, 8);
     },
     "key llama.attention.value_length", "value_weight of block 1 has shape {2, 8} where {4, 8}"},
    {"FfnOfAnotherModel", [](auto& f) { set(f, "llama.feed_forward_length", u32(24)); },
     "key llama.feed_forward_length", "is 24, but the weights have 12"},
    {"ExpertsOfAnotherModel",
     [](auto& f) {
       f = small_mixtral();
       set(f, "llama.expert_feed_forward_length", u32(24));
     },
     "key llama.expert_feed_forward_length", "is 24, but the weights have 12"},
    {"VocabularyOfAnotherModel", [](auto& f) { set(f, "llama.vocab_size", u32(15)); },
     "key llama.vocab_size", "is 15, but the weights have 16"},
    {"TokensOfAnotherModel",
     [](auto& f) {
       set(f, "tokenizer.ggml.tokens", array(8, 2, raw_string("a") + raw_string("b")));
     },
     "key tokenizer.ggml.tokens", "has 2 tokens, but the weights have 16"},
    {"HeadOfAnotherModel", [](auto& f) { f.tensors.push_back(zeros("output.weight", 8, 15)); },
     "tensor output.weight", "has shape {15, 8} where {16, 8} is expected"},
    {"RoleOfATypeThatIsNotRead", [](auto& f) { tensor_of(f, "blk.0.attn_k.weight").type = 41; },
     "model: tensor blk.0.attn_k.weight", "its type is Q1_0; types that can be read are"},
    {"HeadOfATypeThatIsNotRead",
     [](auto& f) {
       f.tensors.push_back(zeros("output.weight", 8, 16));
       f.tensors.back().type = 9;
     },
     "model: tensor output.weight", "its type is Q8_1; types that can be read are"},
    {"ExpertsOfATypeThatIsNotRead",
     [](auto& f) {
       f = small_mixtral();
       tensor_of(f, "blk.0.ffn_up_exps.weight").type = 15;
     },
     "tensor blk.0.ffn_up_exps.weight", "its type is Q8_K; types that can be read are"},
    // What llama.cpp's converter writes beside some matrices in NVFP4: a factor.
    {"ScaleOfAWholeTensor", [](auto& f) { f.tensors.push_back(zeros("blk.0.ffn_up.scale", 1, 1)); },
     "model: tensor blk.0.ffn_up.scale", "is not known to models of llama"},
    {"UnknownInABlockOfATypeThatIsNotRead",
     [](auto& f) {
       f.tensors.push_back(zeros("blk.0.attn_v.scale", 8, 1));
       f.tensors.back().type = 28;
     },
     "model: tensor blk.0.attn_v.scale", "is not known to models of llama"},
    {"EmptyRole",
     [](auto& f) {
       tensor_of(f, "blk.0.attn_v.weight").dims = {8, 0};
     },
     "model: tensor blk.0.attn_v.weight", "has a dimension of 0"},
    {"ValuesClamped", [](auto& f) { set(f, "llama.attention.clamp_kqv", f32(8)); },
     "key llama.attention.clamp_kqv", "is not supported for llama"},
    {"ValuesClampedToOne", [](auto& f) { set(f, "llama.attention.clamp_kqv", f32(1)); },
     "key llama.attention.clamp_kqv", "is not supported for llama"},
    {"ResidualScaled", [](auto& f) { set(f, "llama.residual_scale", f32(0.25f)); },
     "key llama.residual_scale", "is not supported for llama"},
    {"SharedExperts", [](auto& f) { set(f, "llama.expert_shared_count", u32(1)); },
     "key llama.expert_shared_count", "is not supported for llama"},
    {"GatedBySigmoid", [](auto& f) { set(f, "llama.expert_gating_func", u32(2)); },
     "key llama.expert_gating_func", "is not supported for llama"},
    {"TensorThatNoTableKnows",
     [](auto& f) { f.tensors.push_back(zeros("blk.0.attn_sub_norm.weight", 8, 1)); },
     "model: tensor blk.0.attn_sub_norm.weight", "is not known to models of llama"},
    {"EmbeddingNorm", [](auto& f) { f.tensors.push_back(zeros("token_embd_norm.weight", 8, 1)); },
     "model: tensor token_embd_norm.weight", "is not known to models of llama"},
    {"ExpertsWithoutACount",
     [](auto& f) {
       f = small_mixtral();
       set(f, "llama.expert_count", u32(0));
     },
     "tensor blk.0.ffn_gate_exps.weight", "does not hold one matrix for each of 0 experts"},
    {"AnotherNumberOfExperts",
     [](auto& f) {
       f = small_mixtral();
       set(f, "llama.expert_count", u32(3));
     },
     "tensor blk.0.ffn_gate_exps.weight", "does not hold one matrix for each of 3 experts"},
    {"TooManyExperts",
     [](auto& f) {
       f = small_mixtral();
       set(f, "llama.expert_count", u32(~0u));
     },
     "key llama.expert_count", "is 4294967295; 1 to 4096 is allowed"},
    {"MoreExpertsUsedThanThere",
     [](auto& f) {
       f = small_mixtral();
       set(f, "llama.expert_used_count", u32(3));
     },
     "key llama.expert_used_count", "is 3; 1 to 2 is allowed"},
    {"ExpertsOfTwoDims",
     [](auto& f) {
       f = small_mixtral();
       tensor_of(f, "blk.0.ffn_up_exps.weight").dims = {8, 24};
     },
     "tensor blk.0.ffn_up_exps.weight", "does not hold one matrix for each of 2 experts"},
    {"ExpertsOfFourDims",
     [](auto& f) {
       f = small_mixtral();
       tensor_of(f, "blk.0.ffn_up_exps.weight").dims = {8, 3, 4, 2};
     },
     "tensor blk.0.ffn_up_exps.weight", "does not hold one matrix for each of 2 experts"},
    {"ExpertsTransposed",
     [](auto& f) {
       f = small_mixtral();
       tensor_of(f, "blk.0.ffn_down_exps.weight").dims = {8, 12, 2};
     },
     "model", "tensor blk.0.ffn_down.0.weight: shape {12, 8}"},
    {"ExpertsTwice",
     [](auto& f) {
       f = small_mixtral();
       f.tensors.push_back(zeros("blk.0.ffn_up.1.weight", 8, 12));
     },
     "model", "both play the role of up_weight"},
    {"ExpertsWithBiases",
     [](auto& f) {
       f = small_mixtral();
       f.tensors.push_back(zeros("blk.0.ffn_up_exps.bias", 12, 2));
     },
     "model: tensor blk.0.ffn_up_exps.bias", "is not known to models of mixtral"},
    {"OneExpertMissing",
     [](auto& f) {
       f = small_mixtral();
       std::erase_if(f.tensors,
                     [](const GgufTensor& t) { return t.name.ends_with("up_exps.weight"); });
       f.tensors.push_back(zeros("blk.0.ffn_up.0.weight", 8, 12));
     },
     "model", "no parameter for up_weight of expert 1 of block 1"},
    {"MoreExpertsThanAnyModel",
     [](auto& f) {
       f = small_mixtral();
       set(f, "llama.expert_count", u32(4'096));
       std::erase_if(f.tensors, [](const GgufTensor& t) { return t.dims.size() == 3; });
       for (int block = 0; block < 30; ++block) {
         GgufTensor& tensor = f.tensors.emplace_back(
             zeros("blk." + std::to_string(block) + ".ffn_up_exps.weight", 1, 4'096));
         tensor.dims = {1, 1, 4'096};
       }
     },
     "tensor blk.24.ffn_up_exps.weight", "more than 100000 tensors"},
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
