// What the data of real routers do not hold; they are compared in architectures_test.

#include "analysis/routing.h"

#include <gtest/gtest.h>

#include <cmath>

namespace azimuth {
namespace {

Eigen::VectorXd shares_of(const Routing& routing, const Eigen::VectorXd& logits,
                          const Eigen::VectorXf& bias = {}) {
  const Shares<double> shares(routing, bias, logits);
  Eigen::VectorXd all(logits.size());
  for (Eigen::Index expert = 0; expert < logits.size(); ++expert) {
    all[expert] = shares.of(static_cast<std::size_t>(expert), {0})(0, 0);
  }
  return all;
}

TEST(Routing, LargeLogitsDoNotOverflow) {
  for (const auto score : {Routing::Score::softmax, Routing::Score::sigmoid}) {
    const Routing routing = {.experts_per_token = 2, .score = score};
    const Eigen::VectorXd shares = shares_of(routing, Eigen::Vector3d(900, -900, 899));
    EXPECT_NEAR(shares.sum(), 1, 1e-12);
    EXPECT_EQ(shares[1], 0);
  }
}

// Scores round to 1 where logits still differ.
TEST(Routing, WithoutABiasTheLargestLogitsAreChosen) {
  const Routing routing = {
      .experts_per_token = 1, .score = Routing::Score::sigmoid, .normalised = false};
  const Eigen::VectorXd shares = shares_of(routing, Eigen::Vector3d(50, 60, 40));
  EXPECT_EQ(shares, Eigen::Vector3d(0, 1, 0));
}

TEST(Routing, NumbersThatAreNotFiniteGoToAllExpertsAsSuch) {
  const Routing routing = {
      .experts_per_token = 1, .score = Routing::Score::sigmoid, .choice_bias = true};
  const Eigen::Vector2d logits(1, 2);
  EXPECT_TRUE(shares_of(routing, logits, Eigen::Vector2f(0, NAN)).array().isNaN().all());
  EXPECT_TRUE(shares_of(routing, Eigen::Vector2d(1, INFINITY), Eigen::Vector2f(0, 0))
                  .array()
                  .isNaN()
                  .all());
  EXPECT_EQ(shares_of(routing, logits, Eigen::Vector2f(3, 0)), Eigen::Vector2d(1, 0));
}

// The second expert of the sparse mixer is weighed without the first: the shares do not sum to 1.
TEST(Routing, ASparseMixerChoosesTwice) {
  const Routing routing = {
      .experts_per_token = 2, .score = Routing::Score::sparse_mixer, .reach = 0.5};
  const Eigen::VectorXd shares = shares_of(routing, Eigen::Vector4d(2, 1.2, 1.1, 0.2));
  EXPECT_NEAR(shares[0], 1 / (1 + std::exp(-0.8) + std::exp(-0.9)), 1e-12);
  EXPECT_NEAR(shares[1], 1 / (1 + std::exp(-0.1)), 1e-12);
  EXPECT_EQ(shares[2], 0);
  EXPECT_EQ(shares[3], 0);
}

}  // namespace
}  // namespace azimuth
