// The values of tests/data/smollm2-135m.json, measured with an independent program (Transformers'
// forward pass, dense decompositions), on the real file.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "azimuth/analysis.h"
#include "azimuth/angle.h"
#include "azimuth/gguf_model.h"
#include "support/expect_relative.h"
#include "support/smollm2.h"

namespace azimuth {
namespace {

using nlohmann::json;
using testing::expect_relative;

class SmolLm2 : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::ifstream file(AZIMUTH_TEST_DATA "/smollm2-135m.json");
    reference = json::parse(file);
    weights.emplace(load_gguf(testing::smollm2_path()));
    options.token_ids = reference["token_ids"].get<std::vector<std::int64_t>>();
    Workers workers(2);
    observation = analyse(*weights, options, workers);
  }

  static inline json reference;
  static inline std::optional<ModelWeights> weights;
  static inline AnalysisOptions options;
  static inline Observation observation;
};

TEST_F(SmolLm2, NormsOfEveryBlockAndToken) {
  ASSERT_EQ(observation.blocks.size(), reference["blocks"].size());
  for (std::size_t l = 0; l < observation.blocks.size(); ++l) {
    const BlockObservation& block = observation.blocks[l];
    const std::string at = "block " + std::to_string(l);
    EXPECT_EQ(block.block, reference["blocks"][l]["block"]);
    expect_relative(block.reference_norm, reference["reference_norm"][l], 2e-4, at);
    for (std::size_t t = 0; t < block.norms.size(); ++t) {
      expect_relative(block.norms[t], reference["blocks"][l]["norms"][t], 2e-4,
                      at + " token " + std::to_string(t));
    }
  }
}

TEST_F(SmolLm2, JudgementOfEveryBlock) {
  for (std::size_t l = 0; l < observation.blocks.size(); ++l) {
    const BlockObservation& block = observation.blocks[l];
    const json& expected = reference["blocks"][l];
    const std::string at = "block " + std::to_string(l);
    EXPECT_EQ(block.high_norm_count, expected["high_norm_count"]) << at;
    const auto check = [&](const char* name, double value, double tolerance) {
      if (expected.contains(name)) {
        expect_relative(value, expected[name], tolerance, at + " " + name);
      } else {
        EXPECT_TRUE(std::isnan(value)) << at << " " << name;
      }
    };
    check("growth", block.growth, 2e-3);
    check("gain", block.gain, 5e-3);
    check("concentration", block.concentration, 1e-4);
    if (expected.contains("angle_to_primary")) {
      EXPECT_NEAR(block.angle_to_primary, expected["angle_to_primary"], 0.1) << at;
    }
  }
}

TEST_F(SmolLm2, StagesAndTheirDirections) {
  ASSERT_EQ(observation.stages.size(), reference["stages"].size());
  EXPECT_EQ(observation.primary_stage, reference["primary_stage"]);
  const auto check_factors = [](const std::vector<BlockFactor>& found, const json& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].block, expected[i]["block"]);
      expect_relative(found[i].factor, expected[i]["factor"], 2e-3, "factor");
    }
  };
  for (std::size_t s = 0; s < observation.stages.size(); ++s) {
    const StageObservation& stage = observation.stages[s];
    const json& expected = reference["stages"][s];
    EXPECT_EQ(stage.first_block, expected["first_block"]);
    EXPECT_EQ(stage.last_block, expected["last_block"]);
    expect_relative(stage.peak_ratio, expected["peak_ratio"], 4e-4, "peak_ratio");
    expect_relative(stage.concentration, expected["concentration"], 1e-4, "concentration");
    EXPECT_NEAR(stage.token_spread_median, expected["token_spread_median"], 0.1);
    EXPECT_NEAR(stage.token_spread_max, expected["token_spread_max"], 0.1);
    check_factors(stage.explosion_blocks, expected["explosion_blocks"]);
    check_factors(stage.decay_blocks, expected["decay_blocks"]);

    const auto direction = expected["direction"].get<std::vector<float>>();
    EXPECT_LT(angle_degrees(stage.direction, direction), 0.1);
    double dot = 0;
    for (std::size_t i = 0; i < direction.size(); ++i) dot += stage.direction[i] * direction[i];
    EXPECT_GT(dot, 0) << "orientation";
  }
  const auto tokens = reference["stages"][1]["tokens"].get<std::vector<std::size_t>>();
  ASSERT_EQ(observation.probe.high_norm_token_ids.size(), tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(observation.probe.high_norm_token_ids[i], options.token_ids[tokens[i]]);
  }
}

TEST_F(SmolLm2, ThreadsDoNotChangeTheObservation) {
  Workers one(1);
  const Observation other = analyse(*weights, options, one);
  for (std::size_t l = 0; l < other.blocks.size(); ++l) {
    EXPECT_EQ(other.blocks[l].norms, observation.blocks[l].norms);
  }
  EXPECT_EQ(other.direction, observation.direction);
}

// A 4-bit file has a floor of degrees: each weight may lie half a quantisation step off.
TEST_F(SmolLm2, NoiseFloorOfAFourBitFileIsCoarse) {
  Workers workers(2);
  const double floor = noise_floor_degrees(*weights, observation, options, workers);
  EXPECT_GT(floor, 0.5);
  EXPECT_LT(floor, 30);
}

}  // namespace
}  // namespace azimuth
