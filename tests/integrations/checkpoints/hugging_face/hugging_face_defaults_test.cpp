#include <algorithm>
#include <cmath>
#include <iterator>

#include "integrations/checkpoints/hugging_face/dense_defaults.h"
#include "integrations/checkpoints/hugging_face/hugging_face_case.h"
#include "integrations/checkpoints/hugging_face/hybrid_defaults.h"

namespace azimuth {
namespace {

using namespace azimuth::testing;

// Files that leave everything out: each has what its configuration class says.
const ConfigCase kOtherDefaults[] = {
    {"Dots1Defaults",
     R"({"model_type":"dots1","n_routed_experts":6,"num_experts_per_tok":2,"n_shared_experts":1})",
     {.name = "dots1",
      .heads = 32,
      .kv_heads = 32,
      .norm_epsilon = 1e-6,
      .experts = 6,
      .routing = {.experts_per_token = 2,
                  .score = Routing::Score::sigmoid,
                  .normalised = false,
                  .choice_bias = true},
      .shared_expert = true,
      .special_token_ids = {}},
     4'608,
     62,
     152'064},
    {"Gemma2Defaults",
     R"({"model_type":"gemma2"})",
     {.name = "gemma2",
      .heads = 8,
      .kv_heads = 4,
      .head_size = 256,
      .activation = Activation::gelu_tanh,
      .norm_placement = NormPlacement::sandwich,
      .norm_epsilon = 1e-6,
      .norm_offset = 1,
      .embedding_multiplier = 48,
      .special_token_ids = {2}},
     2'304,
     26,
     256'000},
    {"Gemma3TextDefaults",
     R"({"model_type":"gemma3_text"})",
     {.name = "gemma3_text",
      .heads = 8,
      .kv_heads = 4,
      .head_size = 256,
      .activation = Activation::gelu_tanh,
      .norm_placement = NormPlacement::sandwich,
      .norm_epsilon = 1e-6,
      .norm_offset = 1,
      .embedding_multiplier = 48,
      .special_token_ids = {2}},
     2'304,
     26,
     262'208},
    {"GemmaDefaults",
     R"({"model_type":"gemma"})",
     {.name = "gemma",
      .heads = 16,
      .kv_heads = 16,
      .head_size = 256,
      .activation = Activation::gelu_tanh,
      .norm_epsilon = 1e-6,
      .norm_offset = 1,
      .embedding_multiplier = std::sqrt(3072.0),
      .special_token_ids = {2}},
     3'072,
     28,
     256'000},
    {"Glm4MoeDefaults",
     R"({"model_type":"glm4_moe","num_hidden_layers":2})",
     {.name = "glm4_moe",
      .heads = 96,
      .kv_heads = 8,
      .norm_epsilon = 1e-5,
      .experts = 128,
      .routing = {.experts_per_token = 8, .score = Routing::Score::sigmoid, .choice_bias = true},
      .shared_expert = true,
      .blocks = {{{MixerKind::attention}, {MixerKind::feed_forward}},
                 {{MixerKind::attention}, {MixerKind::experts}}},
      .special_token_ids = {}},
     4'096,
     2,
     151'552},
    {"MixtralDefaults",
     R"({"model_type":"mixtral"})",
     {.name = "mixtral",
      .heads = 32,
      .kv_heads = 8,
      .norm_epsilon = 1e-5,
      .experts = 8,
      .routing = {.experts_per_token = 2},
      .special_token_ids = {1}},
     4'096,
     32,
     32'000},
    {"Qwen2MoeDefaults",
     R"({"model_type":"qwen2_moe"})",
     {.name = "qwen2_moe",
      .heads = 16,
      .kv_heads = 16,
      .norm_epsilon = 1e-6,
      .experts = 60,
      .routing = {.experts_per_token = 4, .normalised = false},
      .shared_expert = true,
      .shared_expert_gate = true,
      .special_token_ids = {}},
     2'048,
     24,
     151'936},
    {"Qwen3MoeDefaults",
     R"({"model_type":"qwen3_moe"})",
     {.name = "qwen3_moe",
      .heads = 32,
      .kv_heads = 4,
      .norm_epsilon = 1e-6,
      .experts = 128,
      .routing = {.experts_per_token = 8, .normalised = false},
      .special_token_ids = {}},
     2'048,
     24,
     151'936},
};

std::vector<ConfigCase> all_defaults() {
  std::vector<ConfigCase> all(std::begin(kDenseDefaults), std::end(kDenseDefaults));
  std::ranges::copy(kOtherDefaults, std::back_inserter(all));
  std::ranges::copy(hybrid_defaults(), std::back_inserter(all));
  return all;
}

class Defaults : public ::testing::TestWithParam<ConfigCase> {};

TEST_P(Defaults, AreThoseOfTheConfigurationClass) { check(GetParam()); }

INSTANTIATE_TEST_SUITE_P(HuggingFace, Defaults, ::testing::ValuesIn(all_defaults()),
                         [](const auto& info) { return info.param.name; });

TEST(HuggingFaceDefaults, AreTestedForEveryFamily) {
  std::vector<std::string> tested;
  for (const ConfigCase& config : all_defaults()) tested.push_back(config.expected.name);
  std::ranges::sort(tested);
  EXPECT_EQ(tested, Architecture::known());
}

}  // namespace
}  // namespace azimuth
