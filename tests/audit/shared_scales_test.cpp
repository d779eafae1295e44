#include "shared_scales.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

namespace azimuth {
namespace {

/// As training leaves it; some coordinates are larger than others.
Eigen::MatrixXf gaussian_columns(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 0.05f);
  Eigen::MatrixXf out = Eigen::MatrixXf::NullaryExpr(512, 24, [&] { return normal(random); });
  out.row(3) *= 20;
  return out;
}

/// As GGUF's Q8_0 (most 127), Q5_0 (15) or Q4_0 (7) does, but for the sign of the largest.
Eigen::MatrixXf quantised(Eigen::MatrixXf columns, float most) {
  for (Eigen::Index column = 0; column < columns.cols(); ++column) {
    for (Eigen::Index first = 0; first < columns.rows(); first += 32) {
      auto block = columns.col(column).segment(first, 32);
      const float scale = block.cwiseAbs().maxCoeff() / most;
      block = (block / scale).array().round().matrix() * scale;
    }
  }
  return columns;
}

/// Without the last `bits` of the significand.
Eigen::MatrixXf rounded(const Eigen::MatrixXf& columns, int bits) {
  return columns.unaryExpr([&](float value) {
    const std::uint32_t half = std::uint32_t{1} << (bits - 1);
    return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + half) & ~(2 * half - 1));
  });
}

constexpr int kOfHalf = 13;
constexpr int kOfBfloat16 = 16;

TEST(SharedScales, FloatsHaveNone) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Eigen::MatrixXf trained = gaussian_columns(seed);
    EXPECT_FALSE(share_scales(trained));
    EXPECT_FALSE(share_scales(rounded(trained, kOfHalf)));
    EXPECT_FALSE(share_scales(rounded(trained, kOfBfloat16)));
    EXPECT_FALSE(share_scales(trained.cwiseMax(0))) << "half of them zeros";
  }
}

TEST(SharedScales, AreSeenInDequantisedNumbers) {
  for (const float most : {127.0f, 31.0f, 15.0f, 7.0f, 3.0f}) {
    const Eigen::MatrixXf numbers = quantised(gaussian_columns(1), most);
    EXPECT_TRUE(share_scales(numbers)) << most;
    EXPECT_TRUE(share_scales(rounded(numbers, kOfHalf))) << most;
    if (most < 127) {
      EXPECT_TRUE(share_scales(rounded(numbers, kOfBfloat16))) << most;
    }
    // With a least value too, as Q4_1 has it.
    EXPECT_TRUE(share_scales(numbers.array() + 0.3f)) << most;
  }
}

// Steps need not be even: those of IQ4_NL, of which few numbers of a run are unlike.
TEST(SharedScales, AreSeenInUnevenSteps) {
  constexpr std::array kLevels = {-127.0f, -104.0f, -83.0f, -65.0f, -49.0f, -35.0f, -22.0f, -10.0f,
                                  1.0f,    13.0f,   25.0f,  38.0f,  53.0f,  69.0f,  89.0f,  113.0f};
  Eigen::MatrixXf numbers = gaussian_columns(1);
  for (Eigen::Index column = 0; column < numbers.cols(); ++column) {
    for (Eigen::Index first = 0; first < numbers.rows(); first += 32) {
      auto block = numbers.col(column).segment(first, 32);
      const float scale = block.cwiseAbs().maxCoeff() / 127;
      for (float& value : block) {
        value = scale * *std::ranges::min_element(kLevels, {}, [&](float level) {
                  return std::abs(level - value / scale);
                });
      }
    }
  }
  EXPECT_TRUE(share_scales(numbers));
}

TEST(SharedScales, NothingIsSeenOfTooFewOrBrokenNumbers) {
  EXPECT_FALSE(share_scales({}));
  EXPECT_FALSE(share_scales(quantised(gaussian_columns(1), 7).topRows(15)));
  EXPECT_FALSE(share_scales(Eigen::MatrixXf::Constant(64, 4, 0.5f)));
  EXPECT_FALSE(
      share_scales(Eigen::MatrixXf::Constant(64, 4, std::numeric_limits<float>::quiet_NaN())));
}

}  // namespace
}  // namespace azimuth
