// What planted models of tests/data/text do not show: several stages, blocks before them, tokens
// that are expected to explode and do not.

#include "analysis/text_figures.h"

#include <gtest/gtest.h>

#include <cmath>

namespace azimuth {
namespace {

Eigen::VectorXd axis(int i) { return Eigen::VectorXd::Unit(4, i); }

Eigen::VectorXd at_degrees(double degrees, int from, int to) {
  const double radians = degrees * std::acos(-1) / 180;
  return std::cos(radians) * axis(from) + std::sin(radians) * axis(to);
}

/// Block 1 lies before the first of two stages, of which the second is the primary one.
Observation two_stages() {
  Observation o;
  for (const int stage : {-1, -1, 0, 0, 1}) {
    o.blocks.emplace_back().stage = stage;
    o.blocks.back().block = static_cast<std::int32_t>(o.blocks.size()) - 1;
  }
  o.stages.resize(2);
  o.stages[0].direction = {1, 0, 0, 0};
  o.stages[1].direction = {0, 1, 0, 0};
  o.primary_stage = 1;
  return o;
}

TextBlockStates with_initial(const Eigen::VectorXd& state) {
  TextBlockStates block;
  block.medians = {1};
  block.initial_norms = {state.norm()};
  block.high_norm_initial = 1;
  block.norms = state.norm();
  block.add(state);
  return block;
}

TEST(TextFigures, EachStageHasItsOwnDirection) {
  const std::vector<TextBlockStates> blocks = {{},
                                               with_initial(50 * at_degrees(30, 1, 2)),
                                               with_initial(100 * at_degrees(10, 0, 2)),
                                               with_initial(-300 * at_degrees(10, 0, 2)),
                                               with_initial(20 * at_degrees(20, 1, 3))};
  SpectralVectors vectors;
  vectors.singular = {axis(1), axis(2), axis(0), at_degrees(5, 1, 3)};
  vectors.eigen.resize(4);
  vectors.eigen[2] = axis(2);
  vectors.eigen[3].resize(4, 2);
  vectors.eigen[3] << axis(0), axis(1);
  TextObservation text;
  add_figures(blocks, two_stages(), vectors, text);
  ASSERT_EQ(text.stages.size(), 2U);
  EXPECT_EQ(text.stages[0].states, 2);
  EXPECT_NEAR(text.stages[0].angle_to_weights, 10, 1e-6);
  EXPECT_NEAR(text.stages[0].alignment, 200.0 / 400, 1e-6);
  EXPECT_EQ(text.stages[1].states, 1) << "that of block 1 belongs to none";
  EXPECT_NEAR(text.stages[1].angle_to_weights, 20, 1e-6);
  EXPECT_NEAR(text.stages[1].alignment, 1, 1e-6);
  ASSERT_EQ(text.blocks.size(), 5U);
  EXPECT_NEAR(text.blocks[1].angle_to_weights, 30, 1e-6) << "to the primary stage";
  EXPECT_NEAR(text.blocks[2].angle_to_weights, 10, 1e-6);
  EXPECT_NEAR(text.blocks[4].angle_to_weights, 20, 1e-6);
  EXPECT_NEAR(text.blocks[1].singular_angle, 20, 1e-6);
  EXPECT_NEAR(text.blocks[2].singular_angle, 80, 1e-6);
  EXPECT_NEAR(text.blocks[3].singular_angle, 10, 1e-6);
  EXPECT_NEAR(text.blocks[4].singular_angle, 15, 1e-6);
  EXPECT_TRUE(std::isnan(text.blocks[2].eigen_angle));
  EXPECT_NEAR(text.blocks[3].eigen_angle, 80, 1e-6) << "to a line";
  EXPECT_NEAR(text.blocks[4].eigen_angle, 20, 1e-6) << "to a plane";
}

TEST(TextFigures, TokensAreListedByHowOftenTheyAreHighNorm) {
  TokensById tokens;
  tokens[1] = {.occurrences = 9, .high_norm = 1};
  tokens[2] = {.occurrences = 4, .high_norm = 3};
  tokens[3] = {.occurrences = 5};
  tokens[4] = {.occurrences = 6};
  tokens[5] = {.occurrences = 9, .high_norm = 1};
  tokens[6] = {.occurrences = 10, .high_norm = 1};
  std::vector<std::int64_t> ids;
  for (const TextToken& token : listed(tokens, {{4, 2}})) ids.push_back(token.id);
  EXPECT_EQ(ids, (std::vector<std::int64_t>{2, 6, 1, 5, 4}));
}

TEST(TextFigures, ResponseIsThatOfTheBlockWhereATokenExplodesOrWasExpectedTo) {
  std::vector<TextBlockStates> blocks(4);
  SequenceStates sequence(blocks, 10, {0, 2, 3, 2});
  using Asked = std::vector<std::int64_t>;
  EXPECT_TRUE(sequence.add(0, 1, std::vector<float>{20, 1, 1, 1}).asked.empty())
      << "none explodes at the embedding";
  EXPECT_EQ(sequence.add(1, 1, std::vector<float>{1, 1, 1, 12}).asked, Asked{3});
  sequence.respond(3, 100);
  EXPECT_EQ(sequence.add(2, 1, std::vector<float>{1, 2, 1, 15}).asked, Asked{1});
  sequence.respond(1, 200);
  const auto last = sequence.add(3, 1, std::vector<float>{1, 1, 10, 1});
  EXPECT_EQ(last.asked, Asked{2});
  EXPECT_EQ(last.high, Asked{2});
  sequence.respond(2, 300);
  TokensById initial, others;
  sequence.count(std::vector<std::int64_t>{5, 6, 7, 8}, initial, others);
  EXPECT_TRUE(std::isnan(initial.at(5).response) && initial.at(5).high_norm == 0);
  EXPECT_EQ(others.at(6).explosion_block, 2) << "where it was expected to";
  EXPECT_EQ(others.at(6).response, 200);
  EXPECT_EQ(others.at(6).high_norm, 0);
  EXPECT_EQ(others.at(7).explosion_block, 3);
  EXPECT_EQ(others.at(7).response, 300);
  EXPECT_EQ(others.at(8).explosion_block, 1) << "before it was expected to";
  EXPECT_EQ(others.at(8).response, 100);
  EXPECT_EQ(others.at(8).last_block, 2);
}

}  // namespace
}  // namespace azimuth
