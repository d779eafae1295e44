// The spectral figures of tests/data/smollm2-135m.json, from dense float64 decompositions by an
// independent program, on the real file.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "azimuth/gguf_model.h"
#include "azimuth/spectral.h"
#include "support/expect_relative.h"
#include "support/smollm2.h"

namespace azimuth {
namespace {

using nlohmann::json;
using testing::expect_relative;

class SmolLm2Spectral : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::ifstream file(AZIMUTH_TEST_DATA "/smollm2-135m.json");
    reference = json::parse(file);
    const ModelWeights weights = load_gguf(testing::smollm2_path());
    AnalysisOptions options;
    options.token_ids = reference["token_ids"].get<std::vector<std::int64_t>>();
    Workers workers(2);
    AnalysisTrail trail;
    observation = analyse(weights, options, workers, &trail);
    SpectralStart start;
    cold = add_spectral(weights, trail, observation, workers, &start);
    again = observation;
    warm = add_spectral(weights, trail, again, workers, &start);
  }

  static inline json reference;
  static inline Observation observation;
  static inline Observation again;
  static inline SpectralCost cold;
  static inline SpectralCost warm;
};

TEST_F(SmolLm2Spectral, SingularDirectionOfEveryBlock) {
  for (std::size_t b = 1; b < observation.blocks.size(); ++b) {
    const std::string at = "block " + std::to_string(b);
    const json& expected = reference["blocks"][b]["spectral"];
    const SingularDirection& found = observation.blocks[b].singular;
    EXPECT_TRUE(found.converged) << at;
    expect_relative(found.sigma[0], expected["sigma"][0], 1e-5, at + " sigma 1");
    expect_relative(found.sigma[1], expected["sigma"][1], 1e-3, at + " sigma 2");
    EXPECT_NEAR(found.angle_to_primary, expected["angle_to_primary"], 0.01) << at;
    if (expected.contains("angle_to_block_direction")) {
      EXPECT_NEAR(found.angle_to_block_direction, expected["angle_to_block_direction"], 0.01) << at;
    } else {
      EXPECT_TRUE(std::isnan(found.angle_to_block_direction)) << at;
    }
  }
}

TEST_F(SmolLm2Spectral, ExplosionSubspaces) {
  for (std::size_t b = 1; b < observation.blocks.size(); ++b) {
    const std::string at = "block " + std::to_string(b);
    const ExplosionSubspace& found = observation.blocks[b].ffn;
    if (b != 3 && b != 12) {
      EXPECT_TRUE(std::isnan(found.sigma[0]) && std::isnan(found.coefficient)) << at;
      continue;
    }
    const json& expected = reference["blocks"][b]["spectral"];
    for (std::size_t i = 0; i < 2; ++i) {
      expect_relative(found.sigma[i], expected["ffn_sigma"][i], 1e-5, at + " sigma of F");
      expect_relative(found.output_norm_minus[i], expected["ffn_output"][i][0], 1e-3, at);
      expect_relative(found.output_norm_plus[i], expected["ffn_output"][i][1], 1e-3, at);
    }
    EXPECT_GT(found.coefficient, 10) << at << ": the tokens lie on the side that explodes";
  }
}

TEST_F(SmolLm2Spectral, DecayEigenpairs) {
  for (std::size_t b = 1; b < observation.blocks.size(); ++b) {
    const std::string at = "block " + std::to_string(b);
    const DecayEigenpair& found = observation.blocks[b].eigen;
    if (b != 10 && b != 29) {
      EXPECT_TRUE(std::isnan(found.real)) << at;
      continue;
    }
    const json& expected = reference["blocks"][b]["spectral"]["eigen"];
    ASSERT_GE(expected["margin"].get<double>(), 0.05);
    EXPECT_TRUE(found.converged) << at;
    expect_relative(found.real, expected["real"], 1e-3, at);
    EXPECT_NEAR(found.imaginary, expected["imaginary"], 1e-3 * std::abs(found.real)) << at;
    EXPECT_NEAR(found.angle, expected["angle"], 0.1) << at;
  }
  // What the linear approximation says of block 29, and what happens.
  EXPECT_GT(observation.blocks[29].rayleigh, 500);
  EXPECT_NEAR(observation.blocks[29].gain, -0.6, 0.05);
}

TEST_F(SmolLm2Spectral, AWarmStartTakesFewerProductsToTheSameFigures) {
  const auto total = [](const SpectralCost& cost) {
    return std::accumulate(cost.products.begin(), cost.products.end(), std::int64_t{0});
  };
  EXPECT_LT(total(warm), 0.75 * static_cast<double>(total(cold)));
  for (std::size_t b = 1; b < observation.blocks.size(); ++b) {
    const std::string at = "block " + std::to_string(b);
    const SingularDirection& expected = observation.blocks[b].singular;
    const SingularDirection& found = again.blocks[b].singular;
    EXPECT_TRUE(found.converged) << at;
    expect_relative(found.sigma[0], expected.sigma[0], 1e-6, at);
    EXPECT_NEAR(found.angle_to_primary, expected.angle_to_primary, 0.02) << at;
  }
}

}  // namespace
}  // namespace azimuth
