#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "integrations/checkpoints/hugging_face/hugging_face_case.h"

namespace azimuth::testing {

/// So many blocks of `mixes` and then an FFN; attention in its place where `interval` divides the
/// number of the block, from 1.
inline std::vector<std::vector<MixerPlan>> hybrid_blocks(std::int64_t count, MixerKind mixes,
                                                         std::int64_t interval) {
  std::vector<std::vector<MixerPlan>> blocks;
  for (std::int64_t block = 1; block <= count; ++block) {
    blocks.push_back(
        {{block % interval == 0 ? MixerKind::attention : mixes}, {MixerKind::feed_forward}});
  }
  return blocks;
}

/// With mixtures in the place of the FFNs of every `period`-th block.
inline std::vector<std::vector<MixerPlan>> with_mixtures(std::vector<std::vector<MixerPlan>> blocks,
                                                         std::size_t period) {
  for (std::size_t block = period; block <= blocks.size(); block += period) {
    blocks[block - 1].back().kind = MixerKind::experts;
  }
  return blocks;
}

/// What files that leave everything out mean of families whose blocks differ.
inline std::vector<ConfigCase> hybrid_defaults() {
  constexpr std::int64_t kNever = 1'000;
  const std::vector<std::vector<MixerPlan>> falcon_h1(
      32, {{MixerKind::attention}, {MixerKind::state_space, true}, {MixerKind::feed_forward}});
  auto jamba = with_mixtures(hybrid_blocks(32, MixerKind::selective_state_space, kNever), 2);
  for (const std::size_t block : {4, 12, 20, 28}) jamba[block].front().kind = MixerKind::attention;
  return {
      {"BambaDefaults",
       R"({"model_type":"bamba"})",
       {.name = "bamba",
        .heads = 32,
        .kv_heads = 8,
        .head_size = 128,
        .norm_epsilon = 1e-5,
        .state_space =
            {.heads = 128, .head_size = 64, .groups = 1, .state_size = 256, .gate_last = false},
        .convolution_taps = 4,
        .blocks = hybrid_blocks(32, MixerKind::state_space, kNever),
        .special_token_ids = {1}},
       4'096,
       32,
       128'000},
      {"FalconH1Defaults",
       R"({"model_type":"falcon_h1"})",
       {.name = "falcon_h1",
        .heads = 32,
        .kv_heads = 8,
        .head_size = 128,
        .norm_epsilon = 1e-5,
        .state_space =
            {.heads = 128, .head_size = 8, .groups = 1, .state_size = 256, .norm = false},
        .convolution_taps = 4,
        .blocks = falcon_h1,
        .special_token_ids = {1}},
       4'096,
       32,
       128'000},
      {"JambaDefaults",
       R"({"model_type":"jamba"})",
       {.name = "jamba",
        .heads = 32,
        .kv_heads = 8,
        .head_size = 128,
        .norm_epsilon = 1e-6,
        .experts = 16,
        .routing = {.experts_per_token = 2, .normalised = false},
        .selective_state_space = {.inner_size = 8'192, .state_size = 16, .step_rank = 256},
        .convolution_taps = 4,
        .blocks = jamba,
        .special_token_ids = {1}},
       4'096,
       32,
       65'536},
      {"Lfm2Defaults",
       R"({"model_type":"lfm2"})",
       {.name = "lfm2",
        .heads = 32,
        .kv_heads = 8,
        .head_size = 80,
        .norm_epsilon = 1e-5,
        .convolution_taps = 3,
        .blocks = hybrid_blocks(32, MixerKind::short_convolution, 1),
        .special_token_ids = {1}},
       2'560,
       32,
       65'536},
      {"NemotronHDefaults",
       R"({"model_type":"nemotron_h"})",
       {.name = "nemotron_h",
        .heads = 32,
        .kv_heads = 8,
        .head_size = 128,
        .activation = Activation::relu2,
        .norm_epsilon = 1e-5,
        .gated_ffn = false,
        .experts = 8,
        .routing = {.experts_per_token = 2, .score = Routing::Score::sigmoid, .choice_bias = true},
        .shared_expert = true,
        .state_space = {.heads = 128,
                        .head_size = 64,
                        .groups = 8,
                        .state_size = 128,
                        .step_min = 0.001,
                        .gate_last = false},
        .convolution_taps = 4,
        .blocks = {{{MixerKind::state_space}},
                   {{MixerKind::experts}},
                   {{MixerKind::attention}},
                   {{MixerKind::feed_forward}}},
        .special_token_ids = {1}},
       4'096,
       4,
       131'072},
      {"Qwen35MoeTextDefaults",
       R"({"model_type":"qwen3_5_moe_text"})",
       {.name = "qwen3_5_moe_text",
        .heads = 16,
        .kv_heads = 2,
        .head_size = 256,
        .norm_epsilon = 1e-6,
        .norm_offset = 1,
        .gated_attention = true,
        .experts = 256,
        .routing = {.experts_per_token = 8},
        .shared_expert = true,
        .shared_expert_gate = true,
        .delta_rule = {.key_heads = 16, .value_heads = 32, .key_size = 128, .value_size = 128},
        .convolution_taps = 4,
        .blocks = with_mixtures(hybrid_blocks(40, MixerKind::delta_rule, 4), 1),
        .special_token_ids = {}},
       2'048,
       40,
       248'320},
      {"Qwen35TextDefaults",
       R"({"model_type":"qwen3_5_text"})",
       {.name = "qwen3_5_text",
        .heads = 16,
        .kv_heads = 4,
        .head_size = 256,
        .norm_epsilon = 1e-6,
        .norm_offset = 1,
        .gated_attention = true,
        .delta_rule = {.key_heads = 16, .value_heads = 32, .key_size = 128, .value_size = 128},
        .convolution_taps = 4,
        .blocks = hybrid_blocks(32, MixerKind::delta_rule, 4),
        .special_token_ids = {}},
       4'096,
       32,
       248'320},
      {"Qwen3NextDefaults",
       R"({"model_type":"qwen3_next"})",
       {.name = "qwen3_next",
        .heads = 16,
        .kv_heads = 2,
        .head_size = 256,
        .norm_epsilon = 1e-6,
        .norm_offset = 1,
        .gated_attention = true,
        .experts = 512,
        .routing = {.experts_per_token = 10},
        .shared_expert = true,
        .shared_expert_gate = true,
        .delta_rule = {.key_heads = 16,
                       .value_heads = 32,
                       .key_size = 128,
                       .value_size = 128,
                       .layout = DeltaRuleLayout::by_key_head},
        .convolution_taps = 4,
        .blocks = with_mixtures(hybrid_blocks(48, MixerKind::delta_rule, 4), 1),
        .special_token_ids = {}},
       2'048,
       48,
       151'936},
  };
}

}  // namespace azimuth::testing
