// The inner loops of every instruction set that this machine has, against each other and against
// plain loops in float64.

#include "model/kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <random>
#include <vector>

namespace azimuth {
namespace {

constexpr std::int64_t kRows = 37;
constexpr std::int64_t kColumns = 512;
constexpr std::int64_t kUsedColumns = 509;  // not whole registers
constexpr std::int64_t kVectorCount = 11;

class EveryKernel : public ::testing::TestWithParam<const Kernels*> {
 protected:
  template <class Scalar>
  std::vector<Scalar> random_numbers(std::int64_t count) {
    std::normal_distribution<double> normal;
    std::vector<Scalar> numbers(static_cast<std::size_t>(count));
    for (Scalar& number : numbers) number = static_cast<Scalar>(normal(random_));
    return numbers;
  }

  /// Products of both kinds with weights of `type`, against plain loops. `tolerance` is relative to
  /// what rounding does to the sum of the absolute values.
  template <class Scalar, class Multiply>
  void expect_products(StoredType type, std::initializer_list<std::int64_t> vectors,
                       Multiply multiply, Multiply multiply_transposed, double tolerance) {
    auto w = random_numbers<float>(kRows * kColumns);
    std::vector<std::uint16_t> high;
    for (float& weight : w) {
      high.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(weight) >> 16));
      if (type == StoredType::bf16) {
        weight = std::bit_cast<float>(std::uint32_t{high.back()} << 16);
      }
    }
    const bool is_f32 = type == StoredType::f32;
    const WeightRows rows = {type,
                             is_f32 ? reinterpret_cast<const std::byte*>(w.data())
                                    : reinterpret_cast<const std::byte*>(high.data()),
                             kColumns * (is_f32 ? 4 : 2), kRows, kUsedColumns};
    const auto x = random_numbers<Scalar>(kColumns * kVectorCount);
    for (const std::int64_t k : vectors) {
      std::vector<Scalar> y(static_cast<std::size_t>(kRows * k));
      multiply(rows, x.data(), kColumns, k, y.data(), kRows);
      // Added to what is there: 1.
      std::vector<Scalar> back(static_cast<std::size_t>(kColumns * k), 1);
      multiply_transposed(rows, x.data(), kColumns, k, back.data(), kColumns);
      for (std::int64_t v = 0; v < k; ++v) {
        const Scalar* in = x.data() + v * kColumns;
        for (std::int64_t r = 0; r < kRows; ++r) {
          double sum = 0, size = 0;
          for (std::int64_t c = 0; c < kUsedColumns; ++c) {
            const double term = static_cast<double>(w[r * kColumns + c]) * in[c];
            sum += term;
            size += std::fabs(term);
          }
          ASSERT_NEAR(y[v * kRows + r], sum, tolerance * size) << r << " " << v << " of " << k;
        }
        for (std::int64_t c = 0; c < kUsedColumns; ++c) {
          double sum = 1, size = 1;
          for (std::int64_t r = 0; r < kRows; ++r) {
            const double term = static_cast<double>(w[r * kColumns + c]) * in[r];
            sum += term;
            size += std::fabs(term);
          }
          ASSERT_NEAR(back[v * kColumns + c], sum, tolerance * size)
              << c << " " << v << " of " << k;
        }
        ASSERT_EQ(back[v * kColumns + kUsedColumns], 1) << "beyond the columns";
      }
    }
  }

  std::mt19937 random_{1};
};

TEST_P(EveryKernel, MultipliesInFloat32) {
  expect_products<float>(StoredType::f32, {1, kFewVectors, kVectorCount}, GetParam()->multiply_f32,
                         GetParam()->multiply_transposed_f32, 1e-6);
}

TEST_P(EveryKernel, MultipliesInFloat64) {
  expect_products<double>(StoredType::f32, {1, kFewVectors, kVectorCount}, GetParam()->multiply_f64,
                          GetParam()->multiply_transposed_f64, 1e-14);
}

TEST_P(EveryKernel, MultipliesFewVectorsWithBfloat16AsItIsStored) {
  expect_products<float>(StoredType::bf16, {1, kFewVectors}, GetParam()->multiply_f32,
                         GetParam()->multiply_transposed_f32, 1e-6);
  expect_products<double>(StoredType::bf16, {1, kFewVectors}, GetParam()->multiply_f64,
                          GetParam()->multiply_transposed_f64, 1e-14);
}

TEST_P(EveryKernel, UnpacksAndNudgesAsTheBaselineDoes) {
  for (int t = 0; t <= static_cast<int>(StoredType::nvfp4); ++t) {
    TensorView view{static_cast<StoredType>(t), {kRows, kColumns}, nullptr};
    std::vector<std::byte> bytes(static_cast<std::size_t>(view.bytes()));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_());
    view.data = bytes.data();
    for (const Nudge nudge : {Nudge{}, Nudge{true, 7}}) {
      std::vector<float> expected(kRows * kColumns), out(expected.size());
      supported_kernels().front()->unpack(view, 0, kRows, expected.data(), nudge);
      GetParam()->unpack(view, 0, kRows, out.data(), nudge);
      for (std::size_t i = 0; i < out.size(); ++i) {
        if (std::isnan(expected[i]) && std::isnan(out[i])) continue;
        ASSERT_EQ(out[i], expected[i]) << name_of(view.type) << " " << i << " " << nudge.active;
      }
    }
  }
}

// By the definition, of float16, whose last place float32 can halve: up about as often as down.
TEST_P(EveryKernel, NudgesByHalfOfTheLastPlace) {
  const auto half_place = [](float value) { return std::ldexp(1.0, std::ilogb(value) - 11); };
  std::vector<std::uint16_t> stored;
  for (std::int64_t i = 0; i < kRows * kColumns; ++i) {
    stored.push_back(static_cast<std::uint16_t>(random_() % 0x7800 + 0x0400));  // normal
  }
  const TensorView view{
      StoredType::f16, {kRows, kColumns}, reinterpret_cast<const std::byte*>(stored.data())};
  std::vector<float> plain(stored.size()), out(stored.size());
  GetParam()->unpack(view, 0, kRows, plain.data(), Nudge{});
  GetParam()->unpack(view, 0, kRows, out.data(), Nudge{true, 3});
  std::int64_t up = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double moved = static_cast<double>(out[i]) - plain[i];
    ASSERT_EQ(std::fabs(moved), half_place(plain[i])) << plain[i];
    up += moved > 0;
  }
  EXPECT_NEAR(static_cast<double>(up) / static_cast<double>(out.size()), 0.5, 0.02);
}

TEST_P(EveryKernel, SumsWords) {
  std::vector<std::byte> bytes(1003);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_());
  EXPECT_EQ(GetParam()->word_sum(bytes.data(), 1003),
            supported_kernels().front()->word_sum(bytes.data(), 1003));
}

INSTANTIATE_TEST_SUITE_P(Supported, EveryKernel,
                         ::testing::ValuesIn(supported_kernels().begin(),
                                             supported_kernels().end()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace azimuth
