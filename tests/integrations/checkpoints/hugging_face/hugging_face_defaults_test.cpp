#include <algorithm>
#include <cmath>
#include <iterator>

#include "integrations/checkpoints/hugging_face/dense_defaults.h"
#include "integrations/checkpoints/hugging_face/hugging_face_case.h"
#include "integrations/checkpoints/hugging_face/hybrid_defaults.h"
#include "integrations/checkpoints/hugging_face/mixture_defaults.h"

namespace azimuth {
namespace {

using namespace azimuth::testing;

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
  EXPECT_EQ(tested, Architecture::known());
}

}  // namespace
}  // namespace azimuth
