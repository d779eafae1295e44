#include "analysis/ffn_fit.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "azimuth/host_map.h"
#include "support/decompositions.h"
#include "support/dense_block.h"
#include "support/tiny_random_model.h"

namespace azimuth {
namespace {

using testing::TinyRandomModel;

Eigen::MatrixXd fitted(const FeedForward& ffn) {
  Workers workers(2);
  const FfnFit fit = fit_ffn(ffn, workers);
  Eigen::MatrixXd F = fit.up.asDiagonal() * testing::dense(*ffn.up.map);
  if (ffn.gate) F += fit.gate.asDiagonal() * testing::dense(*ffn.gate.map);
  return F;
}

// The paper's procedure: random inputs, the true outputs, least squares with a constant beside it.
Eigen::MatrixXd sampled(const FeedForward& ffn, int samples) {
  const Eigen::MatrixXd up = testing::dense(*ffn.up.map);
  const Eigen::VectorXd up_bias = ffn.up.bias.cast<double>();
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  const Eigen::Index d = up.cols() + 1;
  Eigen::MatrixXd zz = Eigen::MatrixXd::Zero(d, d);
  Eigen::MatrixXd yz = Eigen::MatrixXd::Zero(up.rows(), d);
  constexpr int kBatch = 1000;
  for (int i = 0; i < samples; i += kBatch) {
    Eigen::MatrixXd Z =
        Eigen::MatrixXd::NullaryExpr(d, kBatch, [&](auto, auto) { return normal(random); });
    Z.bottomRows(1).setOnes();
    const Eigen::MatrixXd inputs = Z.topRows(up.cols());
    Eigen::MatrixXd Y = (up * inputs).colwise() + up_bias;
    Eigen::MatrixXd gate = Y;
    if (ffn.gate) {
      gate = (testing::dense(*ffn.gate.map) * inputs).colwise() + ffn.gate.bias.cast<double>();
    }
    gate =
        gate.unaryExpr([&](double x) { return testing::activate(ffn.activation, x, ffn.xielu); });
    if (ffn.gate) {
      Y.array() *= gate.array();
    } else {
      Y = gate;
    }
    zz += Z * Z.transpose();
    yz += Y * Z.transpose();
  }
  return testing::solve(zz, yz.transpose()).transpose().leftCols(up.cols());
}

class FfnFitOf : public ::testing::TestWithParam<const char*> {};

// Four times the samples, half the distance: what is left between the two is sampling error alone.
TEST_P(FfnFitOf, IsWhatSampledLeastSquaresTendsTo) {
  const ModelWeights weights = TinyRandomModel(GetParam()).weights();
  const FeedForward& ffn = *weights.blocks()[1].work<FeedForward>();
  const Eigen::MatrixXd F = fitted(ffn);
  const double few = (sampled(ffn, 20'000) - F).norm() / F.norm();
  const double many = (sampled(ffn, 320'000) - F).norm() / F.norm();
  EXPECT_LT(many, 0.02);
  EXPECT_NEAR(many / few, 0.25, 0.05);
}

INSTANTIATE_TEST_SUITE_P(FfnFit, FfnFitOf, ::testing::Values("llama", "gpt_neox"),
                         [](const auto& info) { return std::string(info.param); });

TEST(FfnFit, OfEveryActivationIsThatOfTheIntegrals) {
  for (const char* family : {"llama", "gpt_neox"}) {
    const ModelWeights weights = TinyRandomModel(family).weights();
    FeedForward ffn = *weights.blocks()[1].work<FeedForward>();
    ffn.xielu = {.positive = 0.7, .negative = 1.3, .linear = 0.4, .edge = -0.25};
    for (const Activation activation : kActivations) {
      ffn.activation = activation;
      const Eigen::MatrixXd up = testing::dense(*ffn.up.map);
      const Eigen::VectorXd up_bias = ffn.up.bias.cast<double>();
      const Eigen::MatrixXd expected =
          ffn.gate ? testing::dense_fit(activation, testing::dense(*ffn.gate.map),
                                        ffn.gate.bias.cast<double>(), &up, up_bias, ffn.xielu)
                   : testing::dense_fit(activation, up, up_bias, nullptr, {}, ffn.xielu);
      EXPECT_LT((fitted(ffn) - expected).norm(), 1e-5 * expected.norm())
          << name_of(activation) << " in " << family;
    }
  }
}

// A row of zeros, as pruning leaves it, must not turn into 0/0.
TEST(FfnFit, OfARowOfZerosIsFinite) {
  constexpr std::array<float, 6> rows = {0, 0, 0, 1, 1, 1};
  const TensorView view = {
      StoredType::f32, {2, 3}, reinterpret_cast<const std::byte*>(rows.data())};
  Workers workers;
  FeedForward ffn;
  ffn.gate.map = ffn.up.map = std::make_shared<HostMap>(view, MatrixPart{0, 2, false});
  for (const Activation activation : kActivations) {
    ffn.activation = activation;
    const FfnFit fit = fit_ffn(ffn, workers);
    EXPECT_TRUE(fit.gate.allFinite() && fit.up.allFinite());
    EXPECT_EQ(fit.gate[0], 0);
    EXPECT_GT(fit.gate[1], 0);
  }
}

}  // namespace
}  // namespace azimuth
