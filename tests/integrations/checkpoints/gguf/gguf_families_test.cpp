// What single families have in GGUF besides their files: older forms of them, and what is refused.

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "azimuth/gguf_model.h"
#include "integrations/checkpoints/gguf/gguf_writer.h"
#include "support/one_token_norms.h"

namespace azimuth {
namespace {

using namespace azimuth::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const std::filesystem::path kFiles = AZIMUTH_TEST_DATA "/gguf";

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// A converted model that can be changed before it is read.
struct Changed : GgufWriter {
  explicit Changed(const std::string& name)
      : GgufWriter(taken_apart(bytes_of(kFiles / (name + ".gguf")),
                               GgufFile::open(kFiles / (name + ".gguf")).tensors())) {}

  void set(const std::string& key, const std::string& value) {
    remove(key);
    keys.emplace_back(key, value);
  }
  void remove(const std::string& key) {
    std::erase_if(keys, [&](const auto& pair) { return pair.first == key; });
  }
  GgufTensor take(const std::string& name) {
    const auto found = std::ranges::find(tensors, name, &GgufTensor::name);
    GgufTensor tensor = found == tensors.end() ? GgufTensor{} : *found;
    if (found != tensors.end()) tensors.erase(found);
    return tensor;
  }

  ModelWeights load() const { return load_gguf(TemporaryFile(bytes()).path()); }
  Architecture architecture() const {
    return architecture_from_gguf(GgufFile::open(TemporaryFile(bytes()).path()));
  }
  void expect_refused(const std::string& what, const std::string& why) const {
    EXPECT_THAT([&] { load(); },
                ThrowsMessage<FileError>(AllOf(HasSubstr(what + ": "), HasSubstr(why))));
  }
};

std::vector<float> numbers_of(const GgufTensor& tensor) {
  std::vector<float> numbers(tensor.data.size() / sizeof(float));
  std::memcpy(numbers.data(), tensor.data.data(), tensor.data.size());
  return numbers;
}

// Of a block: {heads, rank, key size} and {heads, value size, rank} in one {heads * (key size +
// value size), rank}, as converters wrote it before llama.cpp multiplied with keys beforehand.
GgufTensor joined(const GgufTensor& keys, const GgufTensor& values, const std::string& name) {
  const std::uint64_t key_size = keys.dims[0];
  const std::uint64_t rank = keys.dims[1];
  const std::uint64_t heads = keys.dims[2];
  const std::uint64_t value_size = values.dims[1];
  const std::vector<float> k = numbers_of(keys);
  const std::vector<float> v = numbers_of(values);
  GgufTensor both = {name, {rank, heads * (key_size + value_size)}, 0, ""};
  for (std::uint64_t head = 0; head < heads; ++head) {
    for (std::uint64_t row = 0; row < key_size; ++row) {
      for (std::uint64_t i = 0; i < rank; ++i) {
        both.data += raw(k[(head * rank + i) * key_size + row]);
      }
    }
    for (std::uint64_t i = 0; i < value_size * rank; ++i) {
      both.data += raw(v[head * value_size * rank + i]);
    }
  }
  return both;
}

TEST(GgufLatentAttention, KeysAndValuesMayLieInOneMatrix) {
  const auto ids = nlohmann::json::parse(std::ifstream(
      AZIMUTH_TEST_DATA "/architectures/deepseek_v3/hidden_states.json"))["token_ids"]
                       .get<std::vector<std::int64_t>>();
  const ModelWeights split = load_gguf(kFiles / "deepseek_v3.gguf");
  Changed older("deepseek_v3");
  const std::string of_keys = "deepseek2.attention.key_length";
  const std::string of_values = "deepseek2.attention.value_length";
  for (const std::string block : {"blk.0", "blk.1", "blk.2"}) {
    const GgufTensor keys = older.take(block + ".attn_k_b.weight");
    older.tensors.push_back(
        joined(keys, older.take(block + ".attn_v_b.weight"), block + ".attn_kv_b.weight"));
  }
  older.remove(of_keys + "_mla");
  older.remove(of_values + "_mla");
  older.set(of_keys, u32(10));
  older.set(of_values, u32(5));
  older.set("deepseek2.attention.head_count_kv", u32(4));
  const ModelWeights joint = older.load();
  const Passes expected = passes(split, ids);
  const Passes found = passes(joint, ids);
  EXPECT_LT(difference(found.initial, expected.initial), 1e-6);
  EXPECT_EQ(joint.sizes().parameter_count, split.sizes().parameter_count);

  older.set("deepseek2.attention.head_count_kv", u32(1));
  older.expect_refused("key deepseek2.attention.head_count_kv", "is 1: latent attention");
  older.set("deepseek2.attention.head_count_kv", u32(4));
  older.set(of_keys, u32(4));
  older.expect_refused("key " + of_keys, "is not more than rope.dimension_count");

  Changed both("deepseek_v3");
  Changed parts("deepseek_v3");
  both.tensors.push_back(joined(parts.take("blk.1.attn_k_b.weight"),
                                parts.take("blk.1.attn_v_b.weight"), "blk.1.attn_kv_b.weight"));
  both.expect_refused("tensor blk.1.attn_v_b.weight",
                      "stands beside blk.1.attn_kv_b.weight, which holds values too");
}

// Sizes of what the pass does not read, too.
TEST(GgufLatentAttention, SizesAreHeldAgainstTheMetadata) {
  for (const auto& [key, value, why] :
       {std::tuple("attention.key_length", 11, "is 11, but the weights have 12"),
        std::tuple("attention.value_length", 9, "is 9, but the weights have 8"),
        std::tuple("attention.q_lora_rank", 8, "is 8, but latent_query_weight of block 1 has"),
        std::tuple("attention.key_length_mla", 11, "is 11, but latent_key_weight of block 1 has"),
        std::tuple("attention.head_count_kv", 4, "is 4: latent attention")}) {
    Changed model("deepseek_v3");
    model.set("deepseek2." + std::string(key), u32(static_cast<std::uint32_t>(value)));
    model.expect_refused("key deepseek2." + std::string(key), why);
  }
  Changed queries("deepseek_v2_groups");
  const GgufTensor whole = queries.take("blk.1.attn_q.weight");
  queries.tensors.push_back({whole.name, {whole.dims[0], 36}, 0, whole.data.substr(0, 36 * 64)});
  queries.expect_refused("key deepseek2.attention.key_length_mla",
                         "is 10, but query_weight of block 2 has shape {36, 16} where {40, 16}");
  Changed heads("deepseek_v3");
  GgufTensor values = heads.take("blk.0.attn_v_b.weight");
  values.dims = {8, 4, 5};  // as many rows, of other heads
  heads.tensors.push_back(values);
  heads.expect_refused("tensor blk.0.attn_v_b.weight", "shape {5, 4, 8} where {20, 8}");
}

TEST(GgufDeepseek, GroupsThatAFileDoesNotSayAreNotGuessed) {
  Changed model("deepseek_v3");
  model.remove("deepseek2.expert_group_count");
  model.remove("deepseek2.expert_group_used_count");
  EXPECT_EQ(model.architecture().routing.groups, 1);
  for (const std::uint32_t experts : {160u, 256u}) {
    model.set("deepseek2.expert_count", u32(experts));
    EXPECT_THAT([&] { model.architecture(); },
                ThrowsMessage<FileError>(
                    AllOf(HasSubstr("key deepseek2.expert_group_count: is missing: models of " +
                                    std::to_string(experts) + " experts choose them by groups"))));
  }
  model.set("deepseek2.expert_count", u32(384));
  EXPECT_EQ(model.architecture().routing.groups, 1);
}

TEST(GgufDeepseek, SharesAreASoftmaxWhereNothingIsSaid) {
  Changed model("deepseek_v2");
  model.remove("deepseek2.expert_gating_func");
  EXPECT_EQ(model.architecture(), Changed("deepseek_v2").architecture());
  model.set("deepseek2.expert_weights_norm", raw<std::uint32_t>(7) + raw<std::uint8_t>(1));
  model.expect_refused("key deepseek2.expert_weights_norm", "Transformers does not read");
  Changed sigmoid("deepseek_v3");
  sigmoid.remove("deepseek2.expert_gating_func");
  sigmoid.remove("deepseek2.expert_weights_norm");
  sigmoid.expect_refused("tensor blk.2.exp_probs_b.bias",
                         "which this deepseek_v2 computes without");
}

TEST(GgufGptOss, SinksMeetWhatTheScalingOfPositionsMultiplies) {
  const auto factor = [](auto change) {
    Changed model("gpt_oss");
    change(model);
    return model.architecture().rotary_factor;
  };
  const std::string scaling = "gpt-oss.rope.scaling.";
  EXPECT_EQ(factor([](Changed&) {}), 0.1 * std::log(32.0) + 1);
  EXPECT_EQ(factor([&](Changed& m) { m.set(scaling + "factor", f32(4)); }),
            0.1 * std::log(4.0) + 1);
  EXPECT_EQ(factor([&](Changed& m) { m.set(scaling + "factor", f32(0.5f)); }), 1);
  EXPECT_EQ(factor([&](Changed& m) { m.set(scaling + "yarn_attn_factor", f32(1.25f)); }), 1.25);
  EXPECT_EQ(factor([&](Changed& m) { m.set(scaling + "type", text("linear")); }), 1);
  EXPECT_EQ(factor([&](Changed& m) { m.remove(scaling + "type"); }), 1);
  const auto refused = [&](const std::string& key, const std::string& value,
                           const std::string& why) {
    Changed model("gpt_oss");
    model.set(scaling + key, value);
    model.expect_refused("key " + scaling + key, why);
  };
  refused("type", text("longrope"), "'longrope' is not supported where there are attention sinks");
  refused("factor", f32(0), "more than 0");
  refused("factor", f32(NAN), "more than 0");
  refused("attn_factor", f32(1.5f), "is not supported where there are attention sinks");
}

TEST(GgufGptOss, SizesOfHeadsAreHeldAgainstQueriesAndKeys) {
  Changed model("gpt_oss");
  model.set("gpt-oss.attention.key_length", u32(7));
  model.expect_refused("key gpt-oss.attention.key_length",
                       "is 7, but sink_query_weight of block 1 has shape {24, 16} where {28, 16}");
}

TEST(GgufGptOss, BiasesAreOneAnExpert) {
  Changed model("gpt_oss");
  GgufTensor bias = model.take("blk.1.ffn_up_exps.bias");
  bias.dims = {5, 9};
  model.tensors.push_back(bias);
  model.expect_refused("tensor blk.1.ffn_up_exps.bias",
                       "does not hold one bias for each of 5 experts");
}

TEST(GgufGranite, MultipliersOfZeroAreNone) {
  for (const std::string name : {"granite", "granitemoe"}) {
    Changed model(name);
    EXPECT_EQ(model.architecture().embedding_multiplier, 2.5);
    model.set(name + ".embedding_scale", f32(0));
    model.set(name + ".residual_scale", f32(0));
    EXPECT_EQ(model.architecture().embedding_multiplier, 1);
    EXPECT_EQ(model.architecture().multipliers, Multipliers{});
    model.set(name + ".residual_scale", f32(-1));
    model.expect_refused("key " + name + ".residual_scale", "more than 0 and up to 1e6");
  }
}

TEST(GgufLlama4, EveryBlockMayBeAMixture) {
  Changed model("llama4_text");
  const std::string step = "llama4.interleave_moe_layer_step";
  model.set(step, u32(1));
  EXPECT_TRUE(model.architecture().blocks.empty());
  model.expect_refused("model", "no parameter for router_weight of block 1");
  model.set(step, u32(0));
  model.expect_refused("key " + step, "is 0; 1 to 2 is allowed");
}

TEST(GgufMiniMax, ItsRouterIsASigmoid) {
  Changed model("minimax_m2");
  model.set("minimax-m2.expert_gating_func", u32(1));
  model.expect_refused("key minimax-m2.expert_gating_func", "is not 2, sigmoid");
}

TEST(GgufPhiMoe, ATokenGoesToTwoExperts) {
  Changed model("phimoe_published");
  model.set("phimoe.expert_used_count", u32(3));
  model.expect_refused("key phimoe.expert_used_count", "is not 2");
}

TEST(GgufApertus, HasANumberABlockOfItsActivation) {
  Changed model("apertus");
  model.set("xielu.beta", f32(0.5f));
  EXPECT_EQ(model.load().blocks()[1].work<FeedForward>()->xielu.linear, 0.5);
  model.set("xielu.beta", array(6, 3, raw(0.5f) + raw(0.25f) + raw(0.125f)));
  model.expect_refused("key xielu.beta", "holds 3 numbers where there are 2 blocks");
  model.remove("xielu.beta");
  model.expect_refused("key xielu.beta", "is missing");
}

}  // namespace
}  // namespace azimuth
