#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

#include "azimuth/hugging_face_config.h"
#include "support/member_count.h"

namespace azimuth::testing {

/// A config.json, and what it says.
struct ConfigCase {
  std::string name;
  std::string json;
  Architecture expected;
  std::int64_t hidden_size;
  std::int64_t block_count;
  std::int64_t vocab_size;
};

inline void PrintTo(const ConfigCase& config, std::ostream* out) { *out << config.name; }

/// A file that leaves everything out: it has what its configuration class says.
inline ConfigCase defaults_of(Architecture expected, std::int64_t hidden_size,
                              std::int64_t block_count, std::int64_t vocab_size) {
  std::string json = R"({"model_type":")" + expected.name + "\"}";
  std::string name = expected.name;
  return {std::move(name), std::move(json), std::move(expected),
          hidden_size,     block_count,     vocab_size};
}

/// One test of a parameterised suite.
inline void check(const ConfigCase& c) {
  static_assert(member_count<Architecture>() == 49, "a field more: it is to be compared here");
  const HuggingFaceConfig config = HuggingFaceConfig::parse(c.json);
  EXPECT_EQ(config.hidden_size, c.hidden_size);
  EXPECT_EQ(config.block_count, c.block_count);
  EXPECT_EQ(config.vocab_size, c.vocab_size);
  const Architecture& found = config.architecture;
  const Architecture& expected = c.expected;
  EXPECT_EQ(found.name, expected.name);
  EXPECT_EQ(found.heads, expected.heads);
  EXPECT_EQ(found.kv_heads, expected.kv_heads);
  EXPECT_EQ(found.head_size, expected.head_size);
  EXPECT_EQ(found.activation, expected.activation);
  EXPECT_EQ(found.norm, expected.norm);
  EXPECT_EQ(found.norm_placement, expected.norm_placement);
  EXPECT_EQ(found.norm_epsilon, expected.norm_epsilon);
  EXPECT_EQ(found.norm_offset, expected.norm_offset);
  EXPECT_EQ(found.bare_norms, expected.bare_norms);
  EXPECT_EQ(found.parallel, expected.parallel);
  EXPECT_EQ(found.shared_norm, expected.shared_norm);
  EXPECT_EQ(found.gated_ffn, expected.gated_ffn);
  EXPECT_EQ(found.nested_ffn, expected.nested_ffn);
  EXPECT_EQ(found.clamped_gate, expected.clamped_gate);
  EXPECT_EQ(found.gate_up_by_turns, expected.gate_up_by_turns);
  EXPECT_EQ(found.qkv_layout, expected.qkv_layout);
  EXPECT_EQ(found.qkv_clip, expected.qkv_clip);
  EXPECT_EQ(found.gated_attention, expected.gated_attention);
  EXPECT_EQ(found.latent, expected.latent);
  EXPECT_EQ(found.attention_sinks, expected.attention_sinks);
  EXPECT_DOUBLE_EQ(found.rotary_factor, expected.rotary_factor);
  EXPECT_EQ(found.embedding_multiplier, expected.embedding_multiplier);
  EXPECT_EQ(found.embedding_norm, expected.embedding_norm);
  EXPECT_EQ(found.learned_positions, expected.learned_positions);
  EXPECT_EQ(found.first_position_row, expected.first_position_row);
  EXPECT_EQ(found.expert_norms, expected.expert_norms);
  EXPECT_EQ(found.value_norm, expected.value_norm);
  EXPECT_EQ(found.block_scale, expected.block_scale);
  EXPECT_EQ(found.per_layer_size, expected.per_layer_size);
  EXPECT_EQ(found.per_layer_in_part, expected.per_layer_in_part);
  EXPECT_EQ(found.streams, expected.streams);
  EXPECT_EQ(found.stream_output_scale, expected.stream_output_scale);
  EXPECT_EQ(found.gate_sparsity, expected.gate_sparsity);
  EXPECT_EQ(found.attention, expected.attention);
  EXPECT_EQ(found.experts, expected.experts);
  EXPECT_EQ(found.routing, expected.routing);
  EXPECT_EQ(found.transposed_experts, expected.transposed_experts);
  EXPECT_EQ(found.expert_latent_size, expected.expert_latent_size);
  EXPECT_EQ(found.shared_expert, expected.shared_expert);
  EXPECT_EQ(found.shared_expert_gate, expected.shared_expert_gate);
  EXPECT_EQ(found.multipliers, expected.multipliers);
  EXPECT_EQ(found.delta_rule, expected.delta_rule);
  EXPECT_EQ(found.state_space, expected.state_space);
  EXPECT_EQ(found.selective_state_space, expected.selective_state_space);
  EXPECT_EQ(found.convolution_taps, expected.convolution_taps);
  EXPECT_EQ(found.blocks, expected.blocks);
  // Of `sequences` the defaults are tested beside: sequence_defaults_test.cpp.
  EXPECT_EQ(found.special_token_ids, expected.special_token_ids);
}

}  // namespace azimuth::testing
