#pragma once

#include <gtest/gtest.h>

#include "azimuth/architecture.h"

namespace azimuth::testing {

/// That two architectures agree in what every form of a model says alike. What is not compared here
/// whoever calls it compares: a form may round it, or leave it to the weights.
inline void expect_same(const Architecture& found, const Architecture& expected) {
  EXPECT_EQ(found.name, expected.name);
  EXPECT_EQ(found.heads, expected.heads);
  EXPECT_EQ(found.kv_heads, expected.kv_heads);
  EXPECT_EQ(found.norm, expected.norm);
  EXPECT_EQ(found.norm_placement, expected.norm_placement);
  EXPECT_EQ(found.bare_norms, expected.bare_norms);
  EXPECT_EQ(found.parallel, expected.parallel);
  EXPECT_EQ(found.shared_norm, expected.shared_norm);
  EXPECT_EQ(found.gated_ffn, expected.gated_ffn);
  EXPECT_EQ(found.nested_ffn, expected.nested_ffn);
  EXPECT_EQ(found.clamped_gate, expected.clamped_gate);
  EXPECT_EQ(found.gated_attention, expected.gated_attention);
  EXPECT_EQ(found.latent, expected.latent);
  EXPECT_EQ(found.attention_sinks, expected.attention_sinks);
  EXPECT_EQ(found.embedding_norm, expected.embedding_norm);
  EXPECT_EQ(found.learned_positions, expected.learned_positions);
  EXPECT_EQ(found.expert_norms, expected.expert_norms);
  EXPECT_EQ(found.value_norm, expected.value_norm);
  EXPECT_EQ(found.block_scale, expected.block_scale);
  EXPECT_EQ(found.per_layer_size, expected.per_layer_size);
  EXPECT_EQ(found.per_layer_in_part, expected.per_layer_in_part);
  EXPECT_EQ(found.streams, expected.streams);
  EXPECT_EQ(found.stream_output_scale, expected.stream_output_scale);
  EXPECT_EQ(found.attention, expected.attention);
  EXPECT_EQ(found.experts, expected.experts);
  EXPECT_EQ(found.routing, expected.routing);
  EXPECT_EQ(found.expert_latent_size, expected.expert_latent_size);
  EXPECT_EQ(found.shared_expert, expected.shared_expert);
  EXPECT_EQ(found.shared_expert_gate, expected.shared_expert_gate);
  EXPECT_EQ(found.multipliers, expected.multipliers);
  EXPECT_EQ(found.delta_rule, expected.delta_rule);
  EXPECT_EQ(found.state_space, expected.state_space);
  EXPECT_EQ(found.selective_state_space, expected.selective_state_space);
  EXPECT_EQ(found.convolution_taps, expected.convolution_taps);
  EXPECT_EQ(found.blocks, expected.blocks);
  EXPECT_DOUBLE_EQ(found.rotary_factor, expected.rotary_factor);
}

}  // namespace azimuth::testing
