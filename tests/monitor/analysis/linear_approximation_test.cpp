// The linear approximation of every architecture against dense matrices, formed and decomposed here
// in float64 from the same weights, and against what Transformers' modules say of themselves.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "azimuth/analysis.h"
#include "azimuth/hugging_face_folder.h"
#include "azimuth/median.h"
#include "azimuth/spectral.h"
#include "support/architecture_cases.h"
#include "support/decompositions.h"
#include "support/dense_block.h"

namespace azimuth {
namespace {

using nlohmann::json;
using testing::cases;
using testing::expected_of;
using testing::kData;

// Why a block has no linear approximation, in part of its words, if `held` tokens are high-norm.
const char* why_not_linear(const BlockWeights& block, bool held) {
  if (block.streams) return "several residual streams";
  const auto* const attention = block.work<Attention>();
  if (attention != nullptr && attention->value_norm.kind != NormKind::none) return "is normalised";
  if (block.work<DeltaRule>() != nullptr) return "delta rule";
  if (block.work<StateSpace>() != nullptr) return "state space";
  if (block.work<SelectiveStateSpace>() != nullptr) return "state space";
  if (block.work<ShortConvolution>() != nullptr) return "convolution";
  if (held) return "";
  if (attention != nullptr && attention->gate) return "no direction to fix the gate";
  if (attention != nullptr && attention->sinks) return "no direction to fix the share";
  if (block.work<LatentAttention>() != nullptr) return "no direction to fix the norm within";
  return block.work<Experts>() != nullptr ? "no direction to take experts by" : "";
}

// An analysed model, under an observation in which the same tokens are high-norm everywhere, in a
// stage with an arbitrary direction.
struct Held {
  Held(const ModelWeights& weights, const std::vector<std::int64_t>& ids,
       const std::vector<std::int32_t>& tokens, Workers& workers) {
    AnalysisOptions options;
    options.token_ids = ids;
    o = analyse(weights, options, workers, &trail);
    StageObservation stage;
    u = Eigen::VectorXd::LinSpaced(weights.hidden_size(), -1, 2).array().cos();
    const Eigen::VectorXf single = u.normalized().cast<float>();
    u = single.cast<double>().normalized();
    stage.direction.assign(single.begin(), single.end());
    o.stages = {stage};
    for (BlockObservation& block : o.blocks) block.stage = block.block > 0 ? 0 : -1;
    trail.high_norm_tokens.assign(o.blocks.size(), tokens);
    add_spectral(weights, trail, o, workers);
  }

  AnalysisTrail trail;
  Observation o;
  Eigen::VectorXd u;
};

// How much too large the gain along u is with the dense matrices between the norms.
double dense_gain_error(const BlockWeights& block, const testing::DenseBlock& dense,
                        const Eigen::VectorXd& u, const Eigen::MatrixXd& before,
                        const Eigen::MatrixXd& after) {
  Eigen::MatrixXd H = before;
  Eigen::MatrixXd read;
  for (std::size_t i = 0; i < block.mixers.size(); ++i) {
    const Mixer& mixer = block.mixers[i];
    if (!mixer.beside) read = H;
    H += testing::dense_normalised(mixer.output_norm,
                                   dense.inner[i] * testing::dense_normalised(mixer.norm, read));
  }
  std::vector<double> errors;
  for (Eigen::Index t = 0; t < H.cols(); ++t) {
    errors.push_back(u.dot(H.col(t) - after.col(t)) / u.dot(before.col(t)));
  }
  return median(errors);
}

class LinearApproximationOf : public ::testing::TestWithParam<std::string> {
 protected:
  const std::vector<std::int64_t> ids_ = expected_of(GetParam()).at("token_ids");
};

TEST_P(LinearApproximationOf, SingularDirectionsAreThoseOfTheDenseMatrix) {
  const ModelWeights weights = load_hugging_face(kData / GetParam());
  Workers workers;
  AnalysisOptions options;
  options.token_ids = ids_;
  AnalysisTrail trail;
  Observation o = analyse(weights, options, workers, &trail);
  add_spectral(weights, trail, o, workers);
  trail.high_norm_tokens.resize(o.blocks.size());  // empty where there is no stage
  for (std::size_t b = 0; b < weights.blocks().size(); ++b) {
    const SingularDirection& found = o.blocks[b + 1].singular;
    const std::string& reason = o.blocks[b + 1].spectral_reason;
    const bool held = !trail.high_norm_tokens[b].empty() || !trail.high_norm_tokens[b + 1].empty();
    const std::string why = why_not_linear(weights.blocks()[b], held);
    EXPECT_THAT(reason, ::testing::HasSubstr(why));
    EXPECT_EQ(reason.empty(), why.empty()) << reason;
    if (!reason.empty()) {
      EXPECT_TRUE(std::isnan(found.sigma[0])) << "the approximation does not apply";
      continue;
    }
    const auto& high = trail.high_norm_tokens;
    const Eigen::MatrixXd states =
        trail.states.initial[b](Eigen::all, high[b + 1].empty() ? high[b] : high[b + 1])
            .cast<double>();
    const testing::DenseBlock dense(weights.blocks()[b], states);
    const Eigen::VectorXd sigma = testing::svd(dense.L).sigma;
    EXPECT_NEAR(found.sigma[0], sigma[0], 1e-5 * sigma[0]) << "block " << b + 1;
    EXPECT_NEAR(found.sigma[1], sigma[1], 1e-3 * sigma[1]) << "block " << b + 1;
    const int stage = o.blocks[b + 1].stage;
    if (stage < 0) continue;
    const Eigen::VectorXf direction = Eigen::Map<const Eigen::VectorXf>(
        o.stages[static_cast<std::size_t>(stage)].direction.data(), dense.L.rows());
    const Eigen::VectorXd u = direction.cast<double>().normalized();
    const double rayleigh = u.dot(dense.L * u) - 1;
    EXPECT_NEAR(o.blocks[b + 1].rayleigh, rayleigh, 1e-5 * (1 + std::abs(rayleigh)));
  }
}

// The same where something is held at tokens: gates, shares, the norm within latent attention.
TEST_P(LinearApproximationOf, WhatIsHeldIsHeldAtTheHighNormTokens) {
  const ModelWeights weights = load_hugging_face(kData / GetParam());
  Workers workers;
  for (const std::vector<std::int32_t>& tokens : {std::vector{1}, std::vector{0, 2}}) {
    const Held seen(weights, ids_, tokens, workers);
    for (std::size_t b = 0; b < weights.blocks().size(); ++b) {
      SCOPED_TRACE("block " + std::to_string(b + 1) + ", " + std::to_string(tokens.size()));
      const BlockWeights& block = weights.blocks()[b];
      const BlockObservation& found = seen.o.blocks[b + 1];
      if (const std::string why = why_not_linear(block, true); !why.empty()) {
        EXPECT_THAT(found.spectral_reason, ::testing::HasSubstr(why));
        continue;
      }
      const Eigen::MatrixXd before =
          seen.trail.states.initial[b](Eigen::all, tokens).cast<double>();
      const Eigen::MatrixXd after =
          seen.trail.states.initial[b + 1](Eigen::all, tokens).cast<double>();
      const testing::DenseBlock dense(block, before);
      EXPECT_EQ(found.spectral_reason,
                dense.one_set ? "" : "its high-norm tokens take different experts");
      if (!dense.one_set) {
        EXPECT_THAT(found.spectral_experts, ::testing::IsEmpty());
        EXPECT_TRUE(std::isnan(found.singular.sigma[0]) && std::isnan(found.gain_error));
        continue;
      }
      EXPECT_EQ(found.spectral_experts, dense.experts);
      const Eigen::VectorXd sigma = testing::svd(dense.L).sigma;
      EXPECT_NEAR(found.singular.sigma[0], sigma[0], 1e-5 * sigma[0]);
      EXPECT_NEAR(found.singular.sigma[1], sigma[1], 1e-3 * sigma[1]);
      const double rayleigh = seen.u.dot(dense.L * seen.u) - 1;
      EXPECT_NEAR(found.rayleigh, rayleigh, 1e-5 * (1 + std::abs(rayleigh)));
      const double error = dense_gain_error(block, dense, seen.u, before, after);
      EXPECT_NEAR(found.gain_error, error, 1e-4 * (1 + std::abs(error)));
    }
  }
}

// Where blocks say which tokens are high-norm behind them, and where only before them.
TEST(LinearApproximation, AGateIsHeldAtItsMeanOverTheHighNormTokens) {
  const std::string name = "qwen3_5_text";
  const ModelWeights weights = load_hugging_face(kData / name);
  Workers workers;
  AnalysisOptions options;
  options.token_ids = expected_of(name).at("token_ids").get<std::vector<std::int64_t>>();
  AnalysisTrail trail;
  Observation o = analyse(weights, options, workers, &trail);
  const std::vector<std::int32_t> behind = {0, 2};
  const std::vector<std::int32_t> before = {1};
  trail.high_norm_tokens = {{}, {}, behind, before, {}};
  add_spectral(weights, trail, o, workers);
  for (const auto& [block, tokens] : {std::pair(2, behind), std::pair(4, before)}) {
    const auto b = static_cast<std::size_t>(block);
    EXPECT_EQ(o.blocks[b].spectral_reason, "");
    const Eigen::MatrixXd states = trail.states.initial[b - 1](Eigen::all, tokens).cast<double>();
    const testing::DenseBlock dense(weights.blocks()[b - 1], states);
    const Eigen::VectorXd sigma = testing::svd(dense.L).sigma;
    EXPECT_NEAR(o.blocks[b].singular.sigma[0], sigma[0], 1e-5 * sigma[0]) << "block " << block;
    EXPECT_NEAR(o.blocks[b].singular.sigma[1], sigma[1], 1e-3 * sigma[1]) << "block " << block;
  }
}

// Matrices and what is held from Transformers' modules: linear_approximation/blocks.py.
TEST(LinearApproximation, IsWhatTransformersModulesGive) {
  const json reference =
      json::parse(std::ifstream(kData.parent_path() / "linear_approximation" / "blocks.json"));
  const std::vector<std::int32_t> tokens = {reference.at("token")};
  Workers workers;
  for (const auto& [name, blocks] : reference.at("cases").items()) {
    const ModelWeights weights = load_hugging_face(kData / name);
    const Held seen(weights, expected_of(name).at("token_ids"), tokens, workers);
    EXPECT_GE(blocks.size(), 2u);
    for (const json& expected : blocks) {
      SCOPED_TRACE(name + ", block " + expected.at("block").dump());
      const BlockObservation& found = seen.o.blocks[expected.at("block")];
      EXPECT_EQ(found.spectral_experts, expected.at("experts").get<std::vector<std::int32_t>>());
      const double first = expected.at("sigma")[0];
      const double second = expected.at("sigma")[1];
      EXPECT_NEAR(found.singular.sigma[0], first, 1e-5 * first);
      EXPECT_NEAR(found.singular.sigma[1], second, 1e-3 * second);
      const double rayleigh = expected.at("rayleigh");
      EXPECT_NEAR(found.rayleigh, rayleigh, 2e-5 * (1 + std::abs(rayleigh)));
      const double error = expected.at("gain_error");
      EXPECT_NEAR(found.gain_error, error, 2e-4 * (1 + std::abs(error)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Dense, LinearApproximationOf, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace azimuth
