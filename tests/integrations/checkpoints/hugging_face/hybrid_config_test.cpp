// What a config.json says of families whose blocks differ.

#include <gmock/gmock.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/hugging_face_config.h"

namespace azimuth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

HuggingFaceConfig config_of(const std::string& model_type, const std::string& fields) {
  return HuggingFaceConfig::parse(R"({"model_type":")" + model_type +
                                  R"(","hidden_size":64,"num_attention_heads":4,)"
                                  R"("num_key_value_heads":2,"num_hidden_layers":4)" +
                                  fields + "}");
}

// What each block begins with.
std::vector<MixerKind> kinds_of(const HuggingFaceConfig& config) {
  std::vector<MixerKind> kinds;
  for (const auto& block : config.architecture.blocks) kinds.push_back(block.front().kind);
  return kinds;
}

TEST(HybridConfig, ListsSayWhatBlocksAre) {
  using enum MixerKind;
  EXPECT_THAT(kinds_of(config_of("qwen3_5_text", R"(,"layer_types":["full_attention","mamba",)"
                                                 R"("linear_attention","attention"])")),
              ElementsAre(attention, delta_rule, delta_rule, attention));
  EXPECT_THAT(
      kinds_of(config_of("qwen3_5_text", R"(,"layer_types":null,"full_attention_interval":3)")),
      ElementsAre(delta_rule, delta_rule, attention, delta_rule));
  EXPECT_THAT(kinds_of(config_of("lfm2", R"(,"layer_types":["conv","full_attention","conv",)"
                                         R"("conv"],"full_attn_idxs":[0])")),
              ElementsAre(short_convolution, attention, short_convolution, short_convolution));
  EXPECT_THAT(kinds_of(config_of("lfm2", R"(,"full_attn_idxs":[0,3])")),
              ElementsAre(attention, short_convolution, short_convolution, attention));
  EXPECT_THAT(kinds_of(config_of("lfm2", R"(,"full_attn_idxs":null)")),
              ElementsAre(attention, attention, attention, attention));
  EXPECT_THAT(kinds_of(config_of("bamba", R"(,"mamba_n_heads":4,"attn_layer_indices":[2,7])")),
              ElementsAre(state_space, state_space, attention, state_space));
  EXPECT_THAT(kinds_of(config_of("jamba", R"(,"attn_layer_period":2,"attn_layer_offset":1)")),
              ElementsAre(selective_state_space, attention, selective_state_space, attention));
}

// Which blocks are mixtures.
std::vector<bool> mixtures_of(const HuggingFaceConfig& config) {
  std::vector<bool> mixtures;
  for (const auto& block : config.architecture.blocks) {
    mixtures.push_back(block.back().kind == MixerKind::experts);
  }
  return mixtures;
}

TEST(HybridConfig, SomeBlocksAreMixtures) {
  EXPECT_THAT(mixtures_of(config_of("qwen3_next", R"(,"decoder_sparse_step":2)")),
              ElementsAre(false, true, false, true));
  EXPECT_THAT(mixtures_of(config_of("qwen3_next", R"(,"mlp_only_layers":[0,3])")),
              ElementsAre(false, true, true, false));
  EXPECT_THAT(mixtures_of(config_of("jamba", R"(,"expert_layer_period":3)")),
              ElementsAre(false, true, false, false));
  for (const auto& [model_type, fields] :
       {std::pair("qwen3_next", R"(,"num_experts":0)"), std::pair("jamba", R"(,"num_experts":1)"),
        std::pair("qwen3_next", R"(,"mlp_only_layers":[0,1,2,3])")}) {
    const HuggingFaceConfig config = config_of(model_type, fields);
    EXPECT_THAT(mixtures_of(config), ElementsAre(false, false, false, false));
    EXPECT_EQ(config.architecture.experts, 0);
    EXPECT_FALSE(config.architecture.shared_expert);
  }
}

TEST(HybridConfig, NemotronHIsItsListOfMixers) {
  using enum MixerKind;
  EXPECT_THAT(kinds_of(config_of("nemotron_h", R"(,"hybrid_override_pattern":"M*-EM")")),
              ElementsAre(state_space, attention, feed_forward, experts, state_space));
  const HuggingFaceConfig config =
      config_of("nemotron_h", R"(,"layers_block_type":["mamba","mlp"],"n_groups":4,)"
                              R"("hybrid_override_pattern":"E","moe_latent_size":7)");
  EXPECT_THAT(kinds_of(config), ElementsAre(state_space, feed_forward));
  EXPECT_EQ(config.block_count, 2);
  EXPECT_EQ(config.architecture.experts, 0);
  EXPECT_EQ(config.architecture.expert_latent_size, 0);
  EXPECT_EQ(config.architecture.state_space.groups, 4);
  const StateSpaceSettings older =
      config_of("nemotron_h", R"(,"n_groups":4,"mamba_n_groups":2,"mamba_dt_min":0.5)")
          .architecture.state_space;
  EXPECT_EQ(older.groups, 2);
  EXPECT_EQ(older.step_min, 0.5);
}

TEST(HybridConfig, InfinityIsReadAsItIsWritten) {
  const auto limits = [](const std::string& text) {
    const Architecture a =
        config_of("bamba", R"(,"mamba_n_heads":4,"time_step_limit":)" + text).architecture;
    return std::vector{a.state_space.step_min, a.state_space.step_max};
  };
  EXPECT_THAT(limits("[0.5, Infinity]"), ElementsAre(0.5, kInfinity));
  EXPECT_THAT(limits(R"([0, {"__float__": "Infinity"}])"), ElementsAre(0, kInfinity));
  EXPECT_THAT(limits("[0.25, 2]"), ElementsAre(0.25, 2));
  EXPECT_THAT(limits("null"), ElementsAre(0, kInfinity));
}

TEST(HybridConfig, WidthOfLfm2IsAdjusted) {
  const auto width = [](const std::string& fields) { return config_of("lfm2", fields).ffn_size; };
  EXPECT_EQ(width(R"(,"intermediate_size":100,"block_multiple_of":8)"), 72);  // 66, rounded up
  EXPECT_EQ(width(R"(,"intermediate_size":1,"block_ff_dim":100,"block_multiple_of":1)"), 66);
  EXPECT_EQ(width(R"(,"block_ff_dim":100,"block_multiple_of":1,"block_ffn_dim_multiplier":1.5)"),
            99);
  EXPECT_EQ(width(R"(,"block_ff_dim":100,"block_multiple_of":8,"block_ffn_dim_multiplier":null)"),
            66);
  EXPECT_EQ(width(R"(,"block_ff_dim":100,"block_auto_adjust_ff_dim":false)"), 100);
}

TEST(HybridConfig, FalconH1SizesItsStateSpaceByOneOfTwoFields) {
  const auto space = [](const std::string& fields) {
    return config_of("falcon_h1", R"(,"mamba_n_heads":8)" + fields).architecture.state_space;
  };
  EXPECT_EQ(space(R"(,"mamba_d_ssm":48,"mamba_d_head":"auto")").head_size, 6);
  EXPECT_EQ(space(R"(,"mamba_d_ssm":null,"mamba_expand":3)").head_size, 24);
  EXPECT_EQ(space("").head_size, 128);
}

TEST(HybridConfig, WhatDoesNotFitIsRefused) {
  struct Case {
    const char* model_type;
    const char* fields;
    const char* words;
  };
  const Case cases[] = {
      {"qwen3_5_text", R"(,"layer_types":["full_attention"])",
       "key layer_types: names 1 blocks, and there are 4"},
      {"qwen3_5_text", R"(,"layer_types":["conv","conv","conv","conv"])",
       "key layer_types: 'conv' is not supported"},
      {"qwen3_5_text", R"(,"layer_types":[1,2,3,4])",
       "key layer_types: is not an array of strings"},
      {"qwen3_5_text", R"(,"layer_types":"attention")", "key layer_types: is not an array"},
      {"qwen3_5_text", R"(,"full_attention_interval":0)", "key full_attention_interval: is 0"},
      {"qwen3_5_text", R"(,"linear_num_key_heads":3)",
       "a delta rule needs sizes, and value heads that are a multiple of the key heads"},
      {"lfm2", R"(,"full_attn_idxs":[-1])", "key full_attn_idxs: is -1"},
      {"lfm2", R"(,"full_attn_idxs":3)", "key full_attn_idxs: is not an array"},
      {"lfm2", R"(,"layer_types":["conv","conv","conv","sliding_attention"])",
       "key layer_types: 'sliding_attention' is not supported"},
      {"bamba", R"(,"mamba_n_heads":4,"time_step_limit":[0])",
       "key time_step_limit: is not an array of 2 numbers"},
      {"bamba", R"(,"mamba_n_heads":4,"time_step_limit":[0,"inf"])",
       "key time_step_limit: is not an array of numbers"},
      {"bamba", R"(,"mamba_n_heads":4,"time_step_limit":[-1,1])",
       "key time_step_limit: holds -1; numbers from 0 are allowed"},
      {"bamba", R"(,"mamba_n_heads":4,"time_step_limit":[NaN,1])",
       "key time_step_limit: holds NaN; numbers from 0 are allowed"},
      {"bamba", R"(,"mamba_n_heads":4,"time_step_limit":[2,1])", "step_min of a state space"},
      {"bamba", R"(,"mamba_n_heads":4,"mamba_d_head":31)",
       "key mamba_d_head: is 31, which 4 times is not 128"},
      {"bamba", R"(,"mamba_n_heads":5)", "key mamba_d_head: is 25, which 5 times is not 128"},
      {"bamba", R"(,"mamba_n_heads":4,"mamba_n_groups":3)",
       "heads that are a multiple of the groups"},
      {"jamba", R"(,"attn_layer_offset":8)",
       "key attn_layer_offset: is 8, and a period has 8 blocks"},
      {"jamba", R"(,"mamba_dt_rank":"many")", "key mamba_dt_rank: is not an integer"},
      {"qwen3_5_moe_text", R"(,"num_experts":0)", "key num_experts: is 0"},
      {"nemotron_h", R"(,"hybrid_override_pattern":"MX")",
       "key hybrid_override_pattern: 'X' is not supported"},
      {"nemotron_h", R"(,"hybrid_override_pattern":"")",
       "key hybrid_override_pattern: names 0 blocks; 1 to 100000 are allowed"},
      {"nemotron_h", R"(,"layers_block_type":["M"])",
       "key layers_block_type: 'M' is not supported"},
      {"nemotron_h", R"(,"layers_block_type":["moe"],"layer_types":["mlp"])",
       "key layer_types: stands beside layers_block_type"},
      {"falcon_h1", R"(,"mlp_multipliers":[1,Infinity])",
       "key mlp_multipliers: holds Infinity; numbers from 0 to 1000000.0 are allowed"},
      {"falcon_h1", R"(,"ssm_multipliers":[1,1,1,1])",
       "key ssm_multipliers: is not an array of 5 numbers"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT([&] { config_of(c.model_type, c.fields); },
                ThrowsMessage<FileError>(HasSubstr(c.words)));
  }
}

}  // namespace
}  // namespace azimuth
