// On a real model and text, against Transformers: tests/data/text/smollm2.py.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numbers>

#include "azimuth/angle.h"
#include "azimuth/examine.h"
#include "azimuth/open_model.h"
#include "azimuth/text_study.h"
#include "azimuth/text_windows.h"
#include "cli/run_program.h"

namespace azimuth {
namespace {

TEST(Smollm2Text, StatesAreThoseOfTransformersAndLieWhereWeightsSay) {
  const char* const file = std::getenv("AZIMUTH_SMOLLM2");
  ASSERT_NE(file, nullptr) << "scripts/fetch_model says where it is";
  const auto expected =
      nlohmann::json::parse(testing::contents_of(AZIMUTH_TEST_DATA "/text/smollm2.json"));
  const ModelWeights weights = open_model(file, {});
  Workers workers(2);
  SpectralVectors vectors;
  const Observation o =
      examine(weights, {.noise_floor = false, .digest = false, .spectral_vectors = &vectors},
              workers)
          .observation;
  const TextWindows windows(read_token_ids(OPTICKS_IDS), {.sequences = 1});
  TextStudy study({weights, o, vectors}, workers);
  study.read(Decoder(weights, at::kCPU, at::kFloat), windows.sequence(0));
  const TextObservation text = study.result();

  EXPECT_NEAR(text.perplexity / expected.at("perplexity").get<double>(), 1, 1e-4);
  std::int64_t initial = 0;
  for (std::size_t l = 0; l < text.blocks.size(); ++l) {
    const TextBlock& block = text.blocks[l];
    const double reference = expected.at("reference_norm").at(l);
    const double first = expected.at("initial_norm").at(l);
    EXPECT_NEAR(block.reference_norm / reference, 1, 1e-3) << l;
    EXPECT_NEAR(block.initial_norm / first, 1, 1e-3) << l;
    EXPECT_EQ(block.high_norm_others, expected.at("high_norm_others").at(l)) << l;
    initial += block.high_norm_initial;
    EXPECT_EQ(block.high_norm_initial, l > 0 && first >= 10 * reference ? 1 : 0) << l;
  }
  EXPECT_GE(initial, 18);
  const TextStage& stage = text.stages.at(static_cast<std::size_t>(o.primary_stage));
  EXPECT_LE(stage.angle_to_weights, 1);
  EXPECT_GE(stage.alignment, 0.99);
  // At an explosion block the singular direction is the empirical one, as the paper has it.
  EXPECT_LE(text.blocks[12].singular_angle, 10);
  int eigen = 0;
  for (std::size_t l = 1; l < o.blocks.size(); ++l) {
    const Eigen::MatrixXd& span = vectors.eigen[l - 1];
    EXPECT_EQ(span.cols() > 0, !std::isnan(o.blocks[l].eigen.angle)) << l;
    if (span.cols() == 0) continue;
    ++eigen;
    const auto to_span = [&](const std::vector<float>& direction) {
      const Eigen::VectorXd u = to_double(direction).normalized();
      return std::acos(std::min((span.transpose() * u).norm(), 1.0)) * 180 / std::numbers::pi;
    };
    const auto s = static_cast<std::size_t>(o.blocks[l].stage);
    EXPECT_NEAR(to_span(o.stages[s].direction), o.blocks[l].eigen.angle, 1e-3) << l;
    EXPECT_NEAR(to_span(text.stages[s].direction), text.blocks[l].eigen_angle, 1e-3) << l;
  }
  EXPECT_EQ(eigen, 2);
}

}  // namespace
}  // namespace azimuth
