#include "azimuth/spectral.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <memory>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

#include "azimuth/angle.h"
#include "azimuth/median.h"
#include "support/cancel_at.h"
#include "support/decompositions.h"
#include "support/dense_block.h"
#include "support/tiny_llama.h"
#include "support/tiny_random_model.h"

namespace azimuth {
namespace {

using testing::CancelAt;
using testing::DenseBlock;
using testing::Svd;
using testing::TinyLlama;
using testing::TinyRandomModel;

constexpr double kDegrees = 180 / std::numbers::pi;
// To which a singular direction is computed.
constexpr double kAngle = 0.01;

// A model without structure, under an observation that calls every block all it can be: in a stage
// with an arbitrary direction, and both explosion and decay block.
class Scene {
 public:
  explicit Scene(TinyRandomModel model)
      : weights(model.weights()),
        trail{single_token_pass<float>(weights, std::vector<std::int64_t>{1, 4, 9}, workers), {}} {
    StageObservation stage;
    direction = Eigen::VectorXd::LinSpaced(TinyRandomModel::hidden, -1, 2).array().cos();
    direction.normalize();
    const Eigen::VectorXf single = direction.cast<float>();
    stage.direction.assign(single.begin(), single.end());
    direction = single.cast<double>().normalized();
    observation.blocks.resize(TinyRandomModel::blocks + 1);
    for (std::int32_t b = 1; b <= TinyRandomModel::blocks; ++b) {
      observation.blocks[static_cast<std::size_t>(b)].block = b;
      observation.blocks[static_cast<std::size_t>(b)].stage = 0;
      stage.explosion_blocks.push_back({b, 3});
      stage.decay_blocks.push_back({b, 0.3});
    }
    observation.direction = stage.direction;
    observation.stages.push_back(stage);
    observation.step = 17;
    trail.high_norm_tokens.assign(observation.blocks.size(), {0, 2});
    trail.high_norm_tokens[0].clear();
  }

  SpectralCost add(SpectralStart* start = nullptr) {
    return add_spectral(weights, trail, observation, workers, start);
  }

  Workers workers;
  ModelWeights weights;
  AnalysisTrail trail;
  Eigen::VectorXd direction;
  Observation observation;
};

struct ClosestEigenpair {
  std::complex<double> value;
  double angle = 91;
};

// Dense, with the plane of a complex pair by orthogonal decomposition.
ClosestEigenpair closest_eigenpair(const Eigen::MatrixXd& R, const Eigen::VectorXd& u) {
  const testing::Eigenpairs pairs = testing::eigenpairs(R);
  ClosestEigenpair best;
  for (Eigen::Index i = 0; i < R.rows(); ++i) {
    const std::complex<double> value = pairs.values[i];
    if (value.imag() < 0) continue;
    Eigen::MatrixXd plane(R.rows(), 2);
    plane << pairs.vectors.col(i).real(), pairs.vectors.col(i).imag();
    const Svd svd = testing::svd(plane);
    const Eigen::Index rank = svd.sigma[1] > 1e-9 * svd.sigma[0] ? 2 : 1;
    const double cosine = (svd.U.leftCols(rank).transpose() * u).norm();
    const double angle = std::acos(std::min(1.0, cosine)) * kDegrees;
    if (angle < best.angle) best = {value, angle};
  }
  return best;
}

// Norm of what the block's FFN, between its norms, gives for x. Written down plainly.
double ffn_output_norm(const BlockWeights& block, const Eigen::VectorXd& x) {
  const auto normalised = [&](const Norm& norm, Eigen::VectorXd y) {
    if (norm.kind == NormKind::none) return y;
    if (norm.kind == NormKind::layer) y.array() -= y.mean();
    y /= std::sqrt(y.squaredNorm() / static_cast<double>(y.size()) + norm.epsilon);
    y.array() *= norm.weight.cast<double>().array();
    if (norm.bias.size() > 0) y += norm.bias.cast<double>();
    return y;
  };
  const auto affine = [](const Projection& projection, const Eigen::VectorXd& y) {
    Eigen::VectorXd out = testing::dense(*projection.map) * y;
    if (projection.bias.size() > 0) out += projection.bias.cast<double>();
    return out;
  };
  const FeedForward& ffn = *block.work<FeedForward>();
  const Eigen::VectorXd z = normalised(block.ffn()->norm, x);
  const Eigen::VectorXd up = affine(ffn.up, z);
  Eigen::VectorXd inner = ffn.gate ? affine(ffn.gate, z) : up;
  for (double& value : inner) value = testing::activate(ffn.activation, value, ffn.xielu);
  if (ffn.gate) inner.array() *= up.array();
  return normalised(block.ffn()->output_norm, affine(ffn.down, inner)).norm();
}

class EveryLayout : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryLayout, AgreesWithDenseDecompositions) {
  Scene scene{TinyRandomModel(GetParam())};
  scene.add();
  for (std::size_t b = 0; b < scene.weights.blocks().size(); ++b) {
    SCOPED_TRACE("block " + std::to_string(b + 1));
    const BlockWeights& block = scene.weights.blocks()[b];
    const BlockObservation& seen = scene.observation.blocks[b + 1];
    const DenseBlock dense(block);
    const Eigen::Index d = dense.L.rows();
    const Eigen::MatrixXd before = scene.trail.states.initial[b].cast<double>();
    const Eigen::MatrixXd after = scene.trail.states.initial[b + 1].cast<double>();

    const Svd L = testing::svd(dense.L);
    EXPECT_NEAR(seen.singular.sigma[0], L.sigma[0], 1e-6 * L.sigma[0]);
    EXPECT_NEAR(seen.singular.sigma[1], L.sigma[1], 1e-3 * L.sigma[1]);
    EXPECT_TRUE(seen.singular.converged);
    EXPECT_LE(seen.singular.residual[0], kAngle / kDegrees);
    EXPECT_EQ(seen.singular.step, 17);
    EXPECT_EQ(seen.spectral_reason, "");
    EXPECT_NEAR(seen.singular.angle_to_primary, angle_degrees(L.U.col(0), scene.direction), kAngle);
    Eigen::MatrixXd columns(d, 2);
    columns << after.col(0), after.col(2);
    const Svd own = testing::svd(columns);
    EXPECT_NEAR(seen.singular.angle_to_block_direction, angle_degrees(L.U.col(0), own.U.col(0)),
                kAngle);

    const Svd F = testing::svd(dense.F);
    for (int i = 0; i < 2; ++i) {
      const auto n = static_cast<std::size_t>(i);
      EXPECT_NEAR(seen.ffn.sigma[n], F.sigma[i], 1e-6 * F.sigma[i]);
      const Eigen::VectorXd v = F.V.col(i);
      const double one = ffn_output_norm(block, v);
      const double other = ffn_output_norm(block, -v);
      EXPECT_NEAR(seen.ffn.output_norm_plus[n], std::max(one, other), 1e-4 * one);
      EXPECT_NEAR(seen.ffn.output_norm_minus[n], std::min(one, other), 1e-4 * one);
      if (i > 0) continue;
      const double sign = one > other ? 1 : -1;
      EXPECT_NEAR(seen.ffn.coefficient,
                  median({sign * v.dot(before.col(0)), sign * v.dot(before.col(2))}), 1e-4);
    }

    const Eigen::MatrixXd R = dense.L - Eigen::MatrixXd::Identity(d, d);
    EXPECT_NEAR(seen.rayleigh, scene.direction.dot(R * scene.direction), 1e-8 * R.norm());
    const ClosestEigenpair pair = closest_eigenpair(R, scene.direction);
    EXPECT_NEAR(seen.eigen.real, pair.value.real(), 1e-6 * R.norm());
    EXPECT_NEAR(seen.eigen.imaginary, pair.value.imag(), 1e-6 * R.norm());
    EXPECT_NEAR(seen.eigen.angle, pair.angle, 1e-3);
    EXPECT_TRUE(seen.eigen.converged);
  }
}

// Between them: norms before, after and on both sides, RMS and layer norms, parallel and sequential
// blocks, gated and plain FFNs, all activations but ReLU, biases, grouped heads, matrices stored
// either way.
INSTANTIATE_TEST_SUITE_P(Spectral, EveryLayout,
                         ::testing::Values("llama", "gemma2", "olmo2", "phi", "gpt_neox", "gpt2"),
                         [](const auto& info) { return std::string(info.param); });

// Of three experts each token takes two.
TEST(Spectral, OfAMixtureIsThatOfTheExpertsThatAllHighNormTokensTake) {
  const auto with_tokens = [](const std::vector<std::int32_t>& tokens) {
    auto scene = std::make_unique<Scene>(TinyRandomModel("mixtral"));
    std::fill(scene->trail.high_norm_tokens.begin() + 1, scene->trail.high_norm_tokens.end(),
              tokens);
    scene->add();
    return scene;
  };
  const std::array singles = {with_tokens({0}), with_tokens({1}), with_tokens({2})};
  const auto& one = singles[0];
  for (std::size_t b = 1; b < one->observation.blocks.size(); ++b) {
    SCOPED_TRACE("block " + std::to_string(b));
    const BlockObservation& seen = one->observation.blocks[b];
    EXPECT_EQ(seen.spectral_experts.size(), 2u);
    const BlockWeights& block = one->weights.blocks()[b - 1];
    const Eigen::MatrixXd before = one->trail.states.initial[b - 1].leftCols(1).cast<double>();
    const DenseBlock dense(block, before);
    EXPECT_EQ(seen.spectral_experts, dense.experts);
    const Svd F = testing::svd(dense.F);
    EXPECT_NEAR(seen.ffn.sigma[0], F.sigma[0], 1e-6 * F.sigma[0]);
    EXPECT_NEAR(seen.ffn.sigma[1], F.sigma[1], 1e-6 * F.sigma[1]);
    EXPECT_NEAR(std::abs(seen.ffn.coefficient), std::abs(F.V.col(0).dot(before.col(0))), 1e-4);
    EXPECT_TRUE(std::isfinite(seen.ffn.output_norm_plus[0]));
    const Eigen::Index d = dense.L.rows();
    const ClosestEigenpair pair =
        closest_eigenpair(dense.L - Eigen::MatrixXd::Identity(d, d), one->direction);
    EXPECT_NEAR(seen.eigen.angle, pair.angle, 1e-3);
  }
  int together = 0;
  int apart = 0;
  for (const auto& [first, second] : {std::pair(0, 1), std::pair(0, 2), std::pair(1, 2)}) {
    const auto both = with_tokens({first, second});
    for (std::size_t b = 1; b < both->observation.blocks.size(); ++b) {
      const auto experts_of = [&](int token) {
        return singles[static_cast<std::size_t>(token)]->observation.blocks[b].spectral_experts;
      };
      const BlockObservation& joint = both->observation.blocks[b];
      const bool same = experts_of(first) == experts_of(second);
      ++(same ? together : apart);
      EXPECT_EQ(joint.spectral_reason, same ? "" : "its high-norm tokens take different experts");
      EXPECT_EQ(joint.spectral_experts, same ? experts_of(first) : std::vector<std::int32_t>{});
      EXPECT_EQ(std::isnan(joint.singular.sigma[0]), !same);
      EXPECT_EQ(std::isnan(joint.ffn.sigma[0]), !same);
      EXPECT_EQ(std::isnan(joint.gain_error), !same);
    }
  }
  EXPECT_GT(together, 0);
  EXPECT_GT(apart, 0);
}

// ---- a model with a planted explosion and decay

struct Analysed {
  explicit Analysed(TinyLlama& model) : weights(model.weights()) {
    AnalysisOptions options;
    options.token_ids = default_probe(std::vector<std::int64_t>{1}, TinyLlama::vocab, 12);
    observation = analyse(weights, options, workers, &trail);
  }
  SpectralCost add(SpectralStart* start = nullptr) {
    return add_spectral(weights, trail, observation, workers, start);
  }
  Workers workers;
  ModelWeights weights;
  Observation observation;
  AnalysisTrail trail;
};

TEST(Spectral, SeesAPlantedExplosionAndDecay) {
  TinyLlama model;
  Analysed analysed(model);
  analysed.add();
  const auto& blocks = analysed.observation.blocks;
  ASSERT_EQ(analysed.observation.stages.size(), 1u);

  EXPECT_TRUE(std::isnan(blocks[0].singular.sigma[0]));
  EXPECT_GT(blocks[1].singular.sigma[0], 1);
  EXPECT_TRUE(std::isnan(blocks[1].singular.angle_to_block_direction)) << "no high-norm token yet";
  EXPECT_FALSE(std::isnan(blocks[1].singular.angle_to_primary));
  EXPECT_TRUE(std::isnan(blocks[1].rayleigh)) << "no stage yet";

  EXPECT_LT(blocks[2].singular.angle_to_block_direction, 1);
  EXPECT_GT(blocks[2].ffn.sigma[0], 20 * blocks[2].ffn.sigma[1]);
  EXPECT_GT(blocks[2].ffn.output_norm_plus[0], 100 * blocks[2].ffn.output_norm_minus[0])
      << "the gate is shut on one side";
  EXPECT_GT(blocks[2].ffn.coefficient, 0) << "on the side that explodes";
  for (const std::size_t b : {1, 3, 4, 5}) EXPECT_TRUE(std::isnan(blocks[b].ffn.sigma[0])) << b;

  EXPECT_LT(blocks[5].eigen.angle, 1);
  EXPECT_LT(blocks[5].eigen.real, 0);
  EXPECT_NEAR(blocks[5].eigen.real, blocks[5].rayleigh, 0.02 * std::abs(blocks[5].rayleigh));
  for (const std::size_t b : {1, 2, 3, 4}) EXPECT_TRUE(std::isnan(blocks[b].eigen.real)) << b;
}

TEST(Spectral, StartsWhereTheLastSnapshotEnded) {
  TinyLlama model;
  Analysed first(model);
  SpectralStart start;
  const SpectralCost cold = first.add(&start);
  // As far as a few optimizer steps go.
  model.turn(0.05);
  Analysed second(model);
  const SpectralCost warm = second.add(&start);
  Analysed fresh(model);
  fresh.add();
  const auto total = [](const SpectralCost& cost) {
    return std::accumulate(cost.products.begin(), cost.products.end(), std::int64_t{0});
  };
  EXPECT_LT(total(warm), total(cold));
  for (std::size_t b = 1; b < fresh.observation.blocks.size(); ++b) {
    const SingularDirection& expected = fresh.observation.blocks[b].singular;
    const SingularDirection& found = second.observation.blocks[b].singular;
    EXPECT_TRUE(found.converged);
    EXPECT_NEAR(found.sigma[0], expected.sigma[0], 1e-6 * expected.sigma[0]);
    EXPECT_NEAR(found.sigma[1], expected.sigma[1], 1e-2 * expected.sigma[1])
        << "within the residual: all but the first lie about 1";
    EXPECT_NEAR(found.angle_to_primary, expected.angle_to_primary, 2 * kAngle);
  }
}

TEST(Spectral, IsNotMisledByAStartOfAnotherModel) {
  Scene scene{TinyRandomModel("llama")};
  SpectralStart start;
  start.block.assign(1, Eigen::MatrixXd::Ones(5, 2));
  scene.add(&start);
  Scene cold{TinyRandomModel("llama")};
  cold.add();
  EXPECT_NEAR(scene.observation.blocks[1].singular.sigma[0],
              cold.observation.blocks[1].singular.sigma[0], 1e-6);
}

TEST(Spectral, LeavesWeightsThatAreNotFiniteAlone) {
  TinyLlama model;
  model.tensor(TinyLlama::in_block(3, "mlp.down_proj.weight"))(2, 3) =
      std::numeric_limits<float>::quiet_NaN();
  Analysed analysed(model);
  analysed.add();
  for (const BlockObservation& block : analysed.observation.blocks) {
    EXPECT_EQ(block.spectral_reason, block.block > 0 ? "hidden states are not finite" : "");
    EXPECT_TRUE(std::isnan(block.singular.sigma[0]));
    EXPECT_FALSE(block.singular.converged);
  }
}

TEST(Spectral, StopsBetweenBlocksWhenCancelled) {
  Scene scene{TinyRandomModel("llama")};
  CancelAt second(2);
  EXPECT_THROW(
      add_spectral(scene.weights, scene.trail, scene.observation, scene.workers, nullptr, &second),
      Cancelled);
  EXPECT_FALSE(std::isnan(scene.observation.blocks[1].singular.sigma[0]));
  EXPECT_TRUE(std::isnan(scene.observation.blocks[2].singular.sigma[0]));
}

}  // namespace
}  // namespace azimuth
