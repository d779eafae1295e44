#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "integrations/checkpoints/hugging_face/dense_defaults.h"
#include "integrations/checkpoints/hugging_face/hugging_face_case.h"
#include "integrations/checkpoints/hugging_face/hybrid_defaults.h"
#include "integrations/checkpoints/hugging_face/mixture_defaults.h"

namespace azimuth {
namespace {

using namespace azimuth::testing;

std::vector<AttentionPlan> attention_of_gemma3n() {
  std::vector<AttentionPlan> plans(35, {.kv_heads = 2, .head_size = 256});
  for (std::size_t b = 20; b < plans.size(); ++b) plans[b].values_of = (b + 1) % 5 == 0 ? 20 : 19;
  return plans;
}

std::vector<double> sparsity_of_gemma3n() {
  std::vector<double> shares(35, 0);
  std::fill_n(shares.begin(), 10, 0.95);
  return shares;
}

std::vector<AttentionPlan> attention_of_gemma4() {
  std::vector<AttentionPlan> plans(30, {.kv_heads = 4, .head_size = 256});
  for (std::size_t b = 5; b < plans.size(); b += 6) plans[b].head_size = 512;
  return plans;
}

// Files that leave everything out: each has what its configuration class says.
const ConfigCase kGemmaDefaults[] = {
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
    {"Gemma3nTextDefaults",
     R"({"model_type":"gemma3n_text"})",
     {.name = "gemma3n_text",
      .heads = 8,
      .kv_heads = 2,
      .head_size = 256,
      .activation = Activation::gelu_tanh,
      .norm_placement = NormPlacement::sandwich,
      .norm_epsilon = 1e-6,
      .nested_ffn = true,
      .embedding_multiplier = std::sqrt(2048.0),
      .value_norm = true,
      .per_layer_size = 256,
      .per_layer_in_part = true,
      .streams = 4,
      .stream_output_scale = true,
      .gate_sparsity = sparsity_of_gemma3n(),
      .attention = attention_of_gemma3n(),
      .blocks = {35,
                 {{MixerKind::attention},
                  {MixerKind::low_rank_residual, true},
                  {MixerKind::feed_forward}}},
      .special_token_ids = {2}},
     2'048,
     35,
     262'400},
    {"Gemma4TextDefaults",
     R"({"model_type":"gemma4_text"})",
     {.name = "gemma4_text",
      .heads = 8,
      .kv_heads = 4,
      .head_size = 256,
      .activation = Activation::gelu_tanh,
      .norm_placement = NormPlacement::sandwich,
      .norm_epsilon = 1e-6,
      .embedding_multiplier = 48,
      .value_norm = true,
      .block_scale = true,
      .per_layer_size = 256,
      .attention = attention_of_gemma4(),
      .blocks = {30,
                 {{MixerKind::attention}, {MixerKind::feed_forward}, {MixerKind::per_layer_input}}},
      .special_token_ids = {2}},
     2'304,
     30,
     262'144},
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
};

std::vector<ConfigCase> all_defaults() {
  std::vector<ConfigCase> all(std::begin(kDenseDefaults), std::end(kDenseDefaults));
  std::ranges::copy(kGemmaDefaults, std::back_inserter(all));
  std::ranges::copy(hybrid_defaults(), std::back_inserter(all));
  std::ranges::copy(mixture_defaults(), std::back_inserter(all));
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
  tested.erase(std::ranges::unique(tested).begin(), tested.end());  // some have several names
  EXPECT_EQ(tested, Architecture::known());
}

}  // namespace
}  // namespace azimuth
