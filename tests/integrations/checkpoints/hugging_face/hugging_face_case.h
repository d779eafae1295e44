#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

#include "azimuth/hugging_face_config.h"
#include "support/member_count.h"
#include "support/same_architecture.h"

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
  expect_same(found, expected);
  EXPECT_EQ(found.head_size, expected.head_size);
  EXPECT_EQ(found.activation, expected.activation);
  EXPECT_EQ(found.norm_epsilon, expected.norm_epsilon);
  EXPECT_EQ(found.norm_offset, expected.norm_offset);
  EXPECT_EQ(found.gate_up_by_turns, expected.gate_up_by_turns);
  EXPECT_EQ(found.qkv_layout, expected.qkv_layout);
  EXPECT_EQ(found.qkv_clip, expected.qkv_clip);
  EXPECT_EQ(found.embedding_multiplier, expected.embedding_multiplier);
  EXPECT_EQ(found.first_position_row, expected.first_position_row);
  EXPECT_EQ(found.gate_sparsity, expected.gate_sparsity);
  EXPECT_EQ(found.transposed_experts, expected.transposed_experts);
  // Of `sequences` the defaults are tested beside: sequence_defaults_test.cpp.
  EXPECT_EQ(found.special_token_ids, expected.special_token_ids);
}

}  // namespace azimuth::testing
