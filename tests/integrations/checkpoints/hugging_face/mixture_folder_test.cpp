// Mixtures of experts: what is refused of their configurations, and the forms that files have.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "azimuth/hugging_face_config.h"
#include "azimuth/hugging_face_folder.h"
#include "hugging_face/fused_experts.h"
#include "integrations/checkpoints/pytorch/pytorch_writer.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

const std::filesystem::path kMixtures = AZIMUTH_TEST_DATA "/architectures";

/// A case with something else in its config.json.
class ChangedModel {
 public:
  explicit ChangedModel(const std::string& name) {
    folder_.write("model.safetensors", bytes_of(kMixtures / name / "model.safetensors"));
    config_ = bytes_of(kMixtures / name / "config.json");
  }

  ModelWeights load(const std::string& from, const std::string& to) {
    std::string changed = config_;
    changed.replace(changed.find(from), from.size(), to);
    folder_.write("config.json", changed);
    return load_hugging_face(folder_.path());
  }

  void expect_error(const std::string& from, const std::string& to, const std::string& error) {
    EXPECT_THAT([&] { load(from, to); }, ThrowsMessage<FileError>(HasSubstr(error)));
  }

 private:
  TemporaryFolder folder_;
  std::string config_;
};

TEST(MixtureFolder, BlocksBehindThoseOfTheModelAreLeftOutAndSaid) {
  EXPECT_THAT(load_hugging_face(kMixtures / "glm4_moe").warnings(),
              Contains(HasSubstr("tensors of block 4 are not used: it stands behind the 3 of the "
                                 "model, and predicts further tokens")));
  ChangedModel("glm4_moe")
      .expect_error(R"("num_nextn_predict_layers": 1)", R"("num_nextn_predict_layers": 0)",
                    "tensor model.layers.3.eh_proj.weight: is not known to models of glm4_moe");
}

TEST(MixtureFolder, WidthsAreHeldAgainstEveryBlock) {
  ChangedModel("qwen2_moe")
      .expect_error(R"("moe_intermediate_size": 7)", R"("moe_intermediate_size": 8)",
                    "width of experts: is 8, but the weights have 7 in block 1");
  ChangedModel("qwen2_moe")
      .expect_error(R"("shared_expert_intermediate_size": 11)",
                    R"("shared_expert_intermediate_size": 12)",
                    "width of the shared expert: is 12, but the weights have 11 in block 1");
  ChangedModel("dots1").expect_error(
      R"("intermediate_size": 18)", R"("intermediate_size": 19)",
      "key intermediate_size: is 19, but the weights have 18 in block 1");
  ChangedModel("deepseek_v3")
      .expect_error(R"("q_lora_rank": 9)", R"("q_lora_rank": 8)",
                    "latent_query_weight of block 1: has shape {9, 16} where {8, 16} is expected");
  ChangedModel("deepseek_v3")
      .expect_error(R"("qk_rope_head_dim": 4)", R"("qk_rope_head_dim": 5)",
                    "shape {12, 16} where {13, 16} is expected");
}

TEST(MixtureFolder, WhatIsNotExactIsRefused) {
  const auto expect_error = [](const std::string& config, const std::string& error) {
    EXPECT_THAT([&] { HuggingFaceConfig::parse(config); },
                ThrowsMessage<FileError>(HasSubstr(error)));
  };
  const std::string v2 = R"({"model_type":"deepseek_v2","num_experts_per_tok":2,)";
  expect_error(v2 + R"("norm_topk_prob":true})", "norm_topk_prob: is true");
  expect_error(v2 + R"("mlp_bias":true})", "mlp_bias: is true");
  expect_error(v2 + R"("topk_method":"noaux_tc"})", "topk_method: 'noaux_tc' is not supported");
  expect_error(v2 + R"("scoring_func":"sigmoid"})", "scoring_func: is 'sigmoid'");
  expect_error(v2 + R"("moe_layer_freq":2})", "moe_layer_freq: is not 1");
  expect_error(v2 + R"("num_key_value_heads":4})", "num_key_value_heads: is not");
  expect_error(R"({"model_type":"deepseek_v2"})", "num_experts_per_tok: is missing");
  expect_error(R"({"model_type":"deepseek_v3","scoring_func":"softmax"})", "scoring_func");
  expect_error(R"({"model_type":"deepseek_v3","n_group":7})", "a multiple of their groups");
  expect_error(R"({"model_type":"deepseek_v3","topk_group":9})", "groups must exist");
  expect_error(R"({"model_type":"kimi_k2"})", "n_routed_experts: is missing");
  expect_error(R"({"model_type":"dots1"})", "n_routed_experts: is missing");
  expect_error(R"({"model_type":"ernie4_5_moe","use_bias":true})", "use_bias: is true");
  expect_error(R"({"model_type":"ernie4_5_moe","moe_norm_min":0.1})", "moe_norm_min: is more");
  expect_error(R"({"model_type":"ernie4_5_moe","moe_layer_end_index":-2})", "moe_layer_end_index");
  expect_error(R"({"model_type":"qwen3_moe","mlp_only_layers":[-1]})", "mlp_only_layers: is -1");
  expect_error(R"({"model_type":"qwen3_moe","mlp_only_layers":3})", "is not an array");
  expect_error(R"({"model_type":"gpt_oss","swiglu_limit":0})", "swiglu_limit: is 0");
  expect_error(
      R"({"model_type":"gpt_oss","rope_scaling":{"rope_type":"longrope"}})",
      "rope_scaling.rope_type: 'longrope' is not supported where there are attention sinks");
  expect_error(R"({"model_type":"gpt_oss","rope_scaling":{"rope_type":"yarn"}})",
               "rope_scaling.factor: is missing");
}

TEST(MixtureFolder, WithoutAMixtureThereAreNoExperts) {
  for (const char* json :
       {R"({"model_type":"qwen3_moe","num_hidden_layers":2,"mlp_only_layers":[1,0]})",
        R"({"model_type":"llama4_text","moe_layers":[]})",
        R"({"model_type":"ernie4_5_moe","moe_layer_start_index":28})",
        R"({"model_type":"qwen2_moe","decoder_sparse_step":25})"}) {
    const Architecture a = HuggingFaceConfig::parse(json).architecture;
    EXPECT_EQ(a.experts, 0) << json;
    EXPECT_TRUE(a.blocks.empty()) << json;
    EXPECT_FALSE(a.shared_expert) << json;
  }
}

TEST(MixtureFolder, OfRotationsOnlyTheirFactorCounts) {
  const auto factor = [](const std::string& rope) {
    return HuggingFaceConfig::parse(R"({"model_type":"gpt_oss",)" + rope + "}")
        .architecture.rotary_factor;
  };
  EXPECT_EQ(factor(R"("rope_scaling":{"rope_type":"linear","factor":4})"), 1);
  EXPECT_EQ(factor(R"("rope_parameters":{"rope_type":"llama3","factor":4})"), 1);
  EXPECT_DOUBLE_EQ(factor(R"("rope_scaling":{"type":"yarn","factor":4})"), 0.1 * std::log(4.0) + 1);
  EXPECT_EQ(factor(R"("rope_scaling":{"rope_type":"yarn","factor":0.5})"), 1);
  EXPECT_EQ(factor(R"("rope_scaling":{"rope_type":"yarn","factor":4,"attention_factor":1.2})"),
            1.2);
  // Transformers reads the older field first.
  EXPECT_EQ(factor(R"("rope_parameters":{"rope_type":"yarn","factor":4},)"
                   R"("rope_scaling":{"rope_type":"default"})"),
            1);
}

NamedTensors gates(StoredType type, std::vector<std::int64_t> shape) {
  static const std::vector<std::byte> bytes(4'096);
  NamedTensors tensors;
  NamedTensor& gate_up = tensors.tensors.emplace_back();
  gate_up.name = "layers.0.mlp.experts.gate_up_proj";
  gate_up.view = {type, std::move(shape), bytes.data()};
  return tensors;
}

std::vector<std::string> names_of(const NamedTensors& tensors) {
  std::vector<std::string> names;
  for (const NamedTensor& tensor : tensors.tensors) names.push_back(tensor.name);
  return names;
}

// A matrix of gates that is square as a whole fits both ways.
TEST(FusedExperts, AreTransposedAsTheFamilyHasThemWhereShapesDoNotSay) {
  for (const bool transposed : {false, true}) {
    HuggingFaceConfig config;
    config.hidden_size = 4;
    config.architecture.experts = 2;
    config.architecture.transposed_experts = transposed;
    NamedTensors square = gates(StoredType::f32, {2, 4, 4});
    split_fused_experts(config, square);
    EXPECT_EQ(config.architecture.transposed_experts, transposed);
    EXPECT_EQ(square.tensors.size(), transposed ? 2u : 4u);

    NamedTensors rows = gates(StoredType::f32, {2, 6, 4});
    split_fused_experts(config, rows);
    EXPECT_FALSE(config.architecture.transposed_experts);
    EXPECT_THAT(names_of(rows), ElementsAre("layers.0.mlp.experts.0.gate_proj.weight",
                                            "layers.0.mlp.experts.0.up_proj.weight",
                                            "layers.0.mlp.experts.1.gate_proj.weight",
                                            "layers.0.mlp.experts.1.up_proj.weight"));
    EXPECT_EQ(rows.tensors[3].view.data - rows.tensors[0].view.data, 9 * 4 * 4);

    NamedTensors columns = gates(StoredType::f32, {2, 4, 6});
    split_fused_experts(config, columns);
    EXPECT_TRUE(config.architecture.transposed_experts);
    EXPECT_THAT(names_of(columns), ElementsAre("layers.0.mlp.experts.0.gate_up_proj.weight",
                                               "layers.0.mlp.experts.1.gate_up_proj.weight"));
  }
  // The numbers of a quantised block are inputs of one output.
  HuggingFaceConfig config;
  config.hidden_size = 32;
  config.architecture.experts = 1;
  config.architecture.transposed_experts = true;
  NamedTensors quantised = gates(StoredType::q8_0, {1, 32, 32});
  split_fused_experts(config, quantised);
  EXPECT_FALSE(config.architecture.transposed_experts);
}

TEST(FusedExperts, OfExpertsEachByItselfNoneIsTransposed) {
  HuggingFaceConfig config;
  config.hidden_size = 4;
  config.architecture.experts = 2;
  config.architecture.transposed_experts = true;
  NamedTensors none;
  split_fused_experts(config, none);
  EXPECT_FALSE(config.architecture.transposed_experts);
}

TEST(FusedExperts, OfGraniteTheSharedOneHasItsMatricesInOneTensor) {
  HuggingFaceConfig config;
  config.hidden_size = 4;
  config.architecture.experts = 2;
  const auto shared = [](std::vector<std::int64_t> shape) {
    NamedTensors tensors = gates(StoredType::f32, std::move(shape));
    tensors.tensors[0].name = "layers.0.shared_mlp.input_linear.weight";
    return tensors;
  };
  NamedTensors both = shared({6, 4});
  split_fused_experts(config, both);
  EXPECT_THAT(names_of(both), ElementsAre("layers.0.shared_mlp.gate_proj.weight",
                                          "layers.0.shared_mlp.up_proj.weight"));
  EXPECT_EQ(both.tensors[1].view.shape, (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(both.tensors[1].view.data - both.tensors[0].view.data, 3 * 4 * 4);
  for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{5, 4}, {2, 2, 4}}) {
    NamedTensors wrong = shared(shape);
    EXPECT_THAT([&] { split_fused_experts(config, wrong); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("is not that of two matrices")));
  }
}

TEST(FusedExperts, BiasesOfAnotherShapeAreAnError) {
  HuggingFaceConfig config;
  config.hidden_size = 4;
  config.architecture.experts = 2;
  NamedTensors tensors = gates(StoredType::f32, {3, 4});
  tensors.tensors[0].name = "layers.0.mlp.experts.down_proj_bias";
  EXPECT_THAT([&] { split_fused_experts(config, tensors); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("tensor layers.0.mlp.experts.down_proj_bias: shape {3, 4} is not that "
                            "of a bias for each of 2 experts")));
}

}  // namespace
}  // namespace azimuth::testing
