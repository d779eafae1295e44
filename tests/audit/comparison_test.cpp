#include "azimuth/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "azimuth/angle.h"

namespace azimuth {
namespace {

using ::testing::Each;
using ::testing::IsNan;

double p_value(const Comparison& c, std::size_t cell) {
  return result_of(audit_test::coordinate_permutation, c.tests.at(cell)).p;
}

/// All permutations, one by one.
double exact_p_value(const std::vector<float>& u, const std::vector<float>& v) {
  std::vector<std::size_t> order(v.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const double angle = angle_degrees(u, v);
  int as_close = 0;
  int all = 0;
  do {
    std::vector<float> drawn;
    for (const std::size_t i : order) drawn.push_back(v[i]);
    as_close += angle_degrees(u, drawn) <= angle + 1e-9 ? 1 : 0;
    ++all;
  } while (std::ranges::next_permutation(order).found);
  return static_cast<double>(as_close) / all;
}

TEST(PermutationPValue, IsTheShareOfAllPermutations) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 40; ++round) {
    std::vector<float> u(7);
    std::vector<float> v(7);
    for (float& x : u) x = normal(random);
    // Some close and some not, and some with a coordinate that decides.
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = u[i] + 0.1F * round * normal(random);
    if (round % 3 == 0) v[2] += 6;
    if (round % 6 == 0) u[2] -= 9;
    const double exact = exact_p_value(u, v);
    const PermutationTest test = permutation_p_value(u, v);
    // The places that the largest coordinate may take are counted and not drawn.
    const double drawn_of = std::min(1.0, test.resolution * (kPermutations + 1));
    const double share = exact / drawn_of;
    const double spread = drawn_of * std::sqrt(share * std::max(0.0, 1 - share) / kPermutations);
    EXPECT_NEAR(test.p, exact, 5 * spread + test.resolution) << round;
  }
}

TEST(PermutationPValue, OneCoordinateCollidesOnceInHiddenSize) {
  std::vector<float> u(50);
  u[7] = 1;
  EXPECT_DOUBLE_EQ(permutation_p_value(u, u).p, 1.0 / 50);
  std::vector<float> other(50);
  other[8] = 1;
  EXPECT_DOUBLE_EQ(permutation_p_value(u, other).p, 1) << "a right angle is no evidence";
}

TEST(PermutationPValue, IsNeverBelowWhatTheDrawsResolve) {
  std::vector<float> u(500);
  for (std::size_t i = 0; i < u.size(); ++i) u[i] = static_cast<float>(i);
  const PermutationTest test = permutation_p_value(u, u);
  EXPECT_DOUBLE_EQ(test.p, test.resolution);
  EXPECT_DOUBLE_EQ(test.resolution, 1.0 / 500 / (kPermutations + 1));
}

// Signs are no part of the null: coordinates that have one in common are not symmetric.
TEST(PermutationPValue, AMeanThatAllCoordinatesShareIsNoEvidence) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  int small = 0;
  for (int round = 0; round < 40; ++round) {
    std::vector<float> u(60);
    std::vector<float> v(60);
    for (float& x : u) x = 3 + normal(random);
    for (float& x : v) x = 3 + normal(random);
    small += permutation_p_value(u, v).p < 0.05 ? 1 : 0;
  }
  EXPECT_LE(small, 6);
}

TEST(PermutationPValue, DoesNotApplyWithoutAnAngle) {
  const std::vector<float> u = {1, 0};
  EXPECT_THAT(permutation_p_value(u, {}).p, IsNan());
  EXPECT_THAT(permutation_p_value(u, std::vector<float>{1, 0, 0}).p, IsNan());
  EXPECT_THAT(permutation_p_value(u, std::vector<float>{NAN, 0}).p, IsNan());
}

Signature signature(std::vector<float> direction, double noise_floor_degrees) {
  Signature result;
  result.primary_stage = direction.empty() ? -1 : 0;
  result.direction = std::move(direction);
  result.noise_floor_degrees = noise_floor_degrees;
  return result;
}

TEST(Compare, GivesSymmetricMatricesWithTheLargerNoiseFloor) {
  const std::vector<Signature> signatures = {signature({1, 0, 0}, 0.1),
                                             signature({0.6F, 0.8F, 0}, 5)};
  Workers workers(2);
  const Comparison c = compare({"a", "b"}, signatures, workers);
  EXPECT_THAT(c.names, ::testing::ElementsAre("a", "b"));
  ASSERT_EQ(c.degrees.size(), 4u);
  EXPECT_NEAR(c.degrees[0], 0, 1e-9);
  EXPECT_NEAR(c.degrees[1], 53.130102, 1e-5);
  EXPECT_EQ(c.degrees[1], c.degrees[2]);
  EXPECT_THAT(c.noise_floor_degrees, ::testing::ElementsAre(0.1, 5, 5, 5));
  EXPECT_EQ(p_value(c, 1), p_value(c, 2));
}

TEST(Compare, GivesNanWhereModelsCannotBeCompared) {
  const std::vector<Signature> signatures = {signature({1, 0}, 0.1), signature({}, kNotApplicable),
                                             signature({1, 0, 0}, 0.1)};
  Workers workers;
  const Comparison c = compare({"a", "no direction", "wider"}, signatures, workers);
  for (const std::size_t at : {1u, 2u, 3u, 4u, 5u, 6u, 7u}) {
    EXPECT_THAT((std::array{c.degrees[at], c.noise_floor_degrees[at], p_value(c, at)}),
                Each(IsNan()))
        << at;
  }
  EXPECT_EQ(c.degrees[0], 0);
}

TEST(Compare, SaysNothingOfAProvisionalDirection) {
  Signature provisional = signature({1, 0, 0}, 0.1);
  provisional.primary_stage = -1;
  const std::vector<Signature> signatures = {signature({1, 0, 0}, 0.1), provisional};
  Workers workers;
  const Comparison c = compare({"a", "young"}, signatures, workers);
  EXPECT_EQ(c.degrees[0], 0);
  EXPECT_THAT((std::array{c.degrees[1], c.degrees[3], p_value(c, 1)}), Each(IsNan()));
}

/// Of four blocks: stage 0 holds block 1, stage 1 blocks 2 and 3, with the ratios that are given.
Signature two_stages(std::vector<float> first, std::vector<float> second, std::int32_t primary,
                     double first_ratio = 1000, double later_ratio = 20) {
  Signature result = signature(primary == 0 ? first : second, 0.1);
  result.primary_stage = primary;
  for (std::int32_t block = 0; block < 4; ++block) {
    result.blocks.emplace_back();
    result.blocks.back().ratio_max = block == 1 ? first_ratio : later_ratio;
  }
  result.stages.resize(2);
  result.stages[0].first_block = result.stages[0].last_block = 1;
  result.stages[0].direction = std::move(first);
  result.stages[1].first_block = 2;
  result.stages[1].last_block = 3;
  result.stages[1].direction = std::move(second);
  return result;
}

TEST(Compare, ComparesTheStageThatBothHave) {
  // The stages are the same, but for 0.6° in the second; which one is primary is not.
  const std::vector<Signature> signatures = {two_stages({1, 0, 0, 0}, {0, 1, 0.01F, 0}, 0),
                                             two_stages({1, 0, 0.02F, 0}, {0, 1, 0, 0}, 1)};
  const std::vector<Signature> reversed = {signatures[1], signatures[0]};
  Workers workers;
  const Comparison c = compare({"a", "b"}, signatures, workers);
  EXPECT_NEAR(c.degrees[1], 0.573, 1e-3) << "the nearer of the two pairs";
  EXPECT_THAT(c.stages, ::testing::ElementsAre(0, 1, 1, 1));
  EXPECT_THAT(c.primary_stages, ::testing::ElementsAre(0, 1));
  EXPECT_DOUBLE_EQ(
      p_value(c, 1),
      permutation_p_value(signatures[1].direction, signatures[0].stages[1].direction).p);
  const Comparison other_way = compare({"b", "a"}, reversed, workers);
  EXPECT_EQ(other_way.degrees[1], c.degrees[1]);
  EXPECT_EQ(p_value(other_way, 1), p_value(c, 1));
  EXPECT_THAT(other_way.stages, ::testing::ElementsAre(1, 1, 1, 0));
}

TEST(Compare, DoesNotDependOnTheOrderOfTwo) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  const auto drawn = [&] {
    std::vector<float> direction(40);
    for (float& x : direction) x = normal(random);
    return signature(direction, 0.1);
  };
  Workers workers;
  for (int round = 0; round < 20; ++round) {
    const std::vector<Signature> signatures = {drawn(), drawn()};
    const std::vector<Signature> reversed = {signatures[1], signatures[0]};
    const Comparison c = compare({"a", "b"}, signatures, workers);
    const Comparison other_way = compare({"b", "a"}, reversed, workers);
    EXPECT_EQ(c.degrees[1], other_way.degrees[1]) << round;
    EXPECT_EQ(p_value(c, 1), p_value(other_way, 1)) << round;
  }
}

TEST(Compare, ComparesPrimaryStagesWhereNoStageIsTheSame) {
  const std::vector<Signature> signatures = {two_stages({1, 0, 0, 0}, {0, 1, 0, 0}, 0),
                                             two_stages({0, 0, 1, 0}, {0, 0, 0, 1}, 1)};
  Workers workers;
  const Comparison c = compare({"a", "b"}, signatures, workers);
  EXPECT_NEAR(c.degrees[1], 90, 1e-9);
  EXPECT_THAT(c.stages, ::testing::ElementsAre(0, 0, 1, 1));
}

TEST(Compare, NamesAStageThatIsNearlyThePrimaryOne) {
  // log 400 = 2 log 20: the two would be tied.
  Workers workers;
  const std::vector<Signature> signatures = {two_stages({1, 0, 0, 0}, {0, 1, 0, 0}, 0, 410),
                                             two_stages({1, 0, 0, 0}, {0, 1, 0, 0}, 1, 390),
                                             two_stages({1, 0, 0, 0}, {0, 1, 0, 0}, 0, 4000),
                                             signature({1, 0, 0, 0}, 0.1)};
  Signature without_blocks = signatures[0];
  without_blocks.blocks.clear();
  std::vector<Signature> all = signatures;
  all.push_back(without_blocks);
  const Comparison c = compare({"a", "b", "c", "d", "e"}, all, workers);
  EXPECT_THAT(c.rival_stages, ::testing::ElementsAre(1, 0, -1, -1, -1));
}

TEST(Compare, RefusesNamesThatDoNotFit) {
  Workers workers;
  EXPECT_THROW(compare({"a"}, {}, workers), std::invalid_argument);
}

}  // namespace
}  // namespace azimuth
