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

/// What files that leave everything out mean of families whose blocks differ.
inline std::vector<ConfigCase> hybrid_defaults() {
  constexpr std::int64_t kNever = 1'000;
  const std::vector<std::vector<MixerPlan>> falcon_h1(
      32, {{MixerKind::attention}, {MixerKind::state_space, true}, {MixerKind::feed_forward}});
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
  };
}

}  // namespace azimuth::testing
