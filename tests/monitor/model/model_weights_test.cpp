#include "azimuth/model_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_llama.h"

namespace azimuth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TinyLlama;

std::string why(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "nothing was thrown";
}

NamedTensors renamed(NamedTensors tensors,
                     const std::vector<std::pair<std::string, std::string>>& changes) {
  for (NamedTensor& tensor : tensors.tensors) {
    for (const auto& [from, to] : changes) {
      const std::size_t at = tensor.name.find(from);
      if (at != std::string::npos) tensor.name.replace(at, from.size(), to);
    }
  }
  return tensors;
}

TEST(ModelWeights, ReadsSizesFromTheWeights) {
  const ModelWeights weights = TinyLlama().weights();
  EXPECT_EQ(weights.hidden_size(), TinyLlama::hidden);
  EXPECT_EQ(weights.ffn_size(), TinyLlama::ffn);
  EXPECT_EQ(weights.vocab_size(), TinyLlama::vocab);
  EXPECT_EQ(weights.head_size(), TinyLlama::hidden / TinyLlama::heads);
  EXPECT_EQ(weights.blocks().size(), 5u);
}

TEST(ModelWeights, KnowsTheNamesOfHuggingFaceMetaAndGguf) {
  const TinyLlama model;
  const std::string fingerprint = model.weights().info().weights_fingerprint;
  const auto check = [&](const std::vector<std::pair<std::string, std::string>>& changes) {
    const ModelWeights weights = ModelWeights::from_tensors(
        TinyLlama::architecture(), renamed(model.named_tensors(), changes));
    EXPECT_EQ(weights.info().weights_fingerprint, fingerprint);
  };
  check({{"model.", "module.model."}});
  check({{"model.", ""}});
  check({{"model.embed_tokens", "tok_embeddings"},
         {"model.layers", "layers"},
         {"self_attn.q_proj", "attention.wq"},
         {"self_attn.k_proj", "attention.wk"},
         {"self_attn.v_proj", "attention.wv"},
         {"self_attn.o_proj", "attention.wo"},
         {"input_layernorm", "attention_norm"},
         {"post_attention_layernorm", "ffn_norm"},
         {"mlp.gate_proj", "feed_forward.w1"},
         {"mlp.up_proj", "feed_forward.w3"},
         {"mlp.down_proj", "feed_forward.w2"},
         {"model.norm", "norm"}});
  check({{"model.embed_tokens", "token_embd"},
         {"model.layers", "blk"},
         {"self_attn.q_proj", "attn_q"},
         {"self_attn.k_proj", "attn_k"},
         {"self_attn.v_proj", "attn_v"},
         {"self_attn.o_proj", "attn_output"},
         {"input_layernorm", "attn_norm"},
         {"post_attention_layernorm", "ffn_norm"},
         {"mlp.gate_proj", "ffn_gate"},
         {"mlp.up_proj", "ffn_up"},
         {"mlp.down_proj", "ffn_down"},
         {"model.norm", "output_norm"}});
}

TEST(ModelWeights, TakesOtherNamesFromATable) {
  const TinyLlama model;
  const NamedTensors odd = renamed(model.named_tensors(), {{"mlp.up_proj.weight", "mlp.rise"}});
  EXPECT_THROW(ModelWeights::from_tensors(TinyLlama::architecture(), odd), std::invalid_argument);
  const ModelWeights weights = ModelWeights::from_tensors(
      TinyLlama::architecture(), odd, {{Role::up_weight, "model.layers.{}.mlp.rise"}});
  EXPECT_EQ(weights.info().weights_fingerprint, model.weights().info().weights_fingerprint);
}

TEST(ModelWeights, NamesMissingRolesAndWhatWasFound) {
  const TinyLlama model;
  EXPECT_THAT(why([&] {
                ModelWeights::from_tensors(
                    TinyLlama::architecture(),
                    renamed(model.named_tensors(), {{"layers.3.mlp.down_proj", "layers.3.odd"}}));
              }),
              AllOf(HasSubstr("down_weight of block 4"), HasSubstr("model.embed_tokens.weight")));
  EXPECT_THAT(why([&] {
                Architecture unknown = TinyLlama::architecture();
                unknown.name = "mamba";
                ModelWeights::from_tensors(unknown, model.named_tensors());
              }),
              AllOf(HasSubstr("mamba"), HasSubstr("llama"), HasSubstr("gpt2")));
}

TEST(ModelWeights, NamesATensorOfTheWrongShape) {
  TinyLlama model;
  model.tensor(TinyLlama::in_block(2, "mlp.down_proj.weight")).resize(TinyLlama::hidden, 23);
  EXPECT_THAT(why([&] { model.weights(); }), AllOf(HasSubstr("model.layers.1.mlp.down_proj.weight"),
                                                   HasSubstr("{16, 23}"), HasSubstr("{16, 24}")));
}

TEST(ModelWeights, FingerprintAndDigestFollowEveryWeight) {
  TinyLlama model;
  const ModelInfo before = model.weights().info();
  const std::string digest = model.weights().digest();
  EXPECT_EQ(digest.size(), 64u);
  EXPECT_EQ(model.weights().digest(), digest);
  model.tensor(TinyLlama::in_block(3, "mlp.up_proj.weight"))(5, 5) += 1e-3f;
  EXPECT_NE(model.weights().info().weights_fingerprint, before.weights_fingerprint);
  EXPECT_NE(model.weights().digest(), digest);
  TinyLlama other;
  other.tensor(TinyLlama::in_block(3, "self_attn.q_proj.weight"))(0, 0) += 1;
  EXPECT_EQ(other.weights().info().weights_fingerprint, before.weights_fingerprint)
      << "the pass does not read queries";
  EXPECT_NE(other.weights().digest(), digest) << "the digest is of all tensors";
}

TEST(ModelWeights, RejectsIdsOutsideTheVocabulary) {
  const ModelWeights weights = TinyLlama().weights();
  for (std::int64_t id : {-1, TinyLlama::vocab}) {
    EXPECT_THROW(weights.embed(std::vector<std::int64_t>{id}), std::out_of_range);
  }
}

TEST(ModelWeights, IsNotMadeToLookForBlocksThatCannotBeThere) {
  NamedTensors tensors = TinyLlama().named_tensors();
  tensors.tensors.front().name = "model.layers.99998.mlp.up_proj.weight";
  Architecture many = TinyLlama::architecture();
  many.experts = 65'536;
  many.experts_per_token = 1;
  EXPECT_THAT(why([&] { ModelWeights::from_tensors(many, tensors); }), HasSubstr("and more"));
}

TEST(Architecture, ChecksItsHeads) {
  EXPECT_THROW(Architecture::llama({.heads = 0}), std::invalid_argument);
  EXPECT_THROW(Architecture::llama({.heads = 9, .kv_heads = 2}), std::invalid_argument);
  EXPECT_THROW(Architecture::gpt2({.heads = -1}), std::invalid_argument);
}

}  // namespace
}  // namespace azimuth
