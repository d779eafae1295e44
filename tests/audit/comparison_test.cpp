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

/// All permutations and all signs, one by one.
double exact_p_value(const std::vector<float>& u, const std::vector<float>& v) {
  std::vector<std::size_t> order(v.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const double angle = angle_degrees(u, v);
  int as_close = 0;
  int all = 0;
  do {
    for (std::size_t signs = 0; signs < std::size_t{1} << v.size(); ++signs) {
      std::vector<float> drawn;
      for (std::size_t i = 0; i < v.size(); ++i) {
        drawn.push_back((signs >> i & 1) != 0 ? -v[order[i]] : v[order[i]]);
      }
      as_close += angle_degrees(u, drawn) <= angle + 1e-9 ? 1 : 0;
      ++all;
    }
  } while (std::ranges::next_permutation(order).found);
  return static_cast<double>(as_close) / all;
}

TEST(PermutationPValue, IsTheShareOfAllPermutationsAndSigns) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 5; ++round) {
    std::vector<float> u(6);
    std::vector<float> v(6);
    for (float& x : u) x = normal(random);
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = u[i] + 0.7F * normal(random);
    const double exact = exact_p_value(u, v);
    const double spread = std::sqrt(exact * (1 - exact) / kPermutations);
    EXPECT_NEAR(permutation_p_value(u, v), exact, 5 * spread + p_value_resolution) << round;
  }
}

TEST(PermutationPValue, OneCoordinateCollidesOnceInHiddenSize) {
  std::vector<float> u(50);
  u[7] = 1;
  EXPECT_NEAR(permutation_p_value(u, u), 1.0 / 50, 0.007);
  std::vector<float> other(50);
  other[8] = 1;
  EXPECT_DOUBLE_EQ(permutation_p_value(u, other), 1) << "a right angle is no evidence";
}

TEST(PermutationPValue, IsNeverBelowWhatTheDrawsResolve) {
  std::vector<float> u(500);
  for (std::size_t i = 0; i < u.size(); ++i) u[i] = static_cast<float>(i);
  EXPECT_DOUBLE_EQ(permutation_p_value(u, u), p_value_resolution);
}

TEST(PermutationPValue, DoesNotApplyWithoutAnAngle) {
  const std::vector<float> u = {1, 0};
  EXPECT_THAT(permutation_p_value(u, {}), IsNan());
  EXPECT_THAT(permutation_p_value(u, std::vector<float>{1, 0, 0}), IsNan());
  EXPECT_THAT(permutation_p_value(u, std::vector<float>{NAN, 0}), IsNan());
}

Signature signature(std::vector<float> direction, double noise_floor_degrees) {
  Signature result;
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
  EXPECT_DOUBLE_EQ(p_value(c, 1),
                   permutation_p_value(signatures[1].direction, signatures[0].stages[1].direction));
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
