#include "azimuth/host_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "azimuth/workers.h"

namespace azimuth {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Random bytes that are valid in every stored type: floats get moderate exponents.
struct Stored {
  std::vector<std::byte> bytes;
  TensorView view;
  RowMajor dense;
};

std::uint16_t half_of(std::mt19937& random) {
  return static_cast<std::uint16_t>((random() & 0x83ff) | (10 + random() % 8) << 10);
}

Stored stored(StoredType type, std::int64_t rows, std::int64_t columns, unsigned seed) {
  std::mt19937 random(seed);
  Stored s;
  s.view.type = type;
  s.view.shape = {rows, columns};
  s.bytes.resize(static_cast<std::size_t>(s.view.bytes()));
  const auto put = [&](std::size_t at, auto value) {
    std::memcpy(&s.bytes[at], &value, sizeof value);
  };
  for (std::size_t i = 0; i < s.bytes.size(); ++i) s.bytes[i] = static_cast<std::byte>(random());
  const auto block = static_cast<std::size_t>(block_bytes(type));
  for (std::size_t at = 0; at < s.bytes.size(); at += block) {
    switch (type) {
      case StoredType::f32:
        put(at, std::normal_distribution<float>()(random));
        break;
      case StoredType::bf16:
        put(at, static_cast<std::uint16_t>((random() & 0x80ff) | 0x3f00));
        break;
      case StoredType::q4_1:
        put(at + 2, half_of(random));
        [[fallthrough]];
      default:
        put(at, half_of(random));
    }
  }
  s.view.data = s.bytes.data();
  s.dense.resize(rows, columns);
  unpack(s.view, 0, rows, s.dense.data());
  return s;
}

class HostMapOfEveryType : public ::testing::TestWithParam<StoredType> {};

// With one, a few and many vectors, whose loops differ.
constexpr Eigen::Index kVectors[] = {1, 4, 5};

TEST_P(HostMapOfEveryType, AgreesWithTheDenseProduct) {
  const Stored s = stored(GetParam(), 250, 96, 3);
  for (const Eigen::Index k : kVectors) {
    SCOPED_TRACE(k);
    const Eigen::MatrixXf X = Eigen::MatrixXf::Random(96, k);
    const Eigen::MatrixXf U = Eigen::MatrixXf::Random(250, k);
    const Eigen::MatrixXd expected = s.dense.cast<double>() * X.cast<double>();
    const Eigen::MatrixXd back = s.dense.cast<double>().transpose() * U.cast<double>();
    const double scale = std::max(expected.cwiseAbs().maxCoeff(), back.cwiseAbs().maxCoeff());
    for (int threads : {1, 2}) {
      Workers workers(threads);
      const HostMap map(s.view, {0, 250, false});
      ASSERT_EQ(map.rows(), 250);
      ASSERT_EQ(map.columns(), 96);
      Eigen::MatrixXf Y(250, k);
      map.apply(X, Y, workers);
      EXPECT_LT((Y.cast<double>() - expected).cwiseAbs().maxCoeff(), 1e-5 * scale);
      Eigen::MatrixXd Z(250, k);
      map.apply(Eigen::MatrixXd(X.cast<double>()), Z, workers);
      EXPECT_LT((Z - expected).cwiseAbs().maxCoeff(), 1e-13 * scale);
      Eigen::MatrixXf V(96, k);
      map.apply_transpose(U, V, workers);
      EXPECT_LT((V.cast<double>() - back).cwiseAbs().maxCoeff(), 1e-5 * scale);
      Eigen::MatrixXd W(96, k);
      map.apply_transpose(Eigen::MatrixXd(U.cast<double>()), W, workers);
      EXPECT_LT((W - back).cwiseAbs().maxCoeff(), 1e-13 * scale);
    }
  }
}

TEST_P(HostMapOfEveryType, TakesPartsAndTransposes) {
  const Stored s = stored(GetParam(), 130, 96, 4);
  Workers workers(2);
  for (const Eigen::Index k : kVectors) {
    SCOPED_TRACE(k);
    const HostMap part(s.view, {40, 70, false});
    const Eigen::MatrixXf X = Eigen::MatrixXf::Random(96, k);
    Eigen::MatrixXf Y(70, k);
    part.apply(X, Y, workers);
    EXPECT_TRUE(Y.isApprox(s.dense.middleRows(40, 70) * X, 1e-5f));
    Eigen::MatrixXf rows(96, 5);
    part.unpack_rows(9, rows);
    EXPECT_EQ(rows, s.dense.middleRows(49, 5).transpose());
  }
  for (const Eigen::Index k : kVectors) {
    SCOPED_TRACE(k);
    const HostMap part(s.view, {32, 50, true});
    ASSERT_EQ(part.rows(), 50);
    ASSERT_EQ(part.columns(), 130);
    const Eigen::MatrixXf X = Eigen::MatrixXf::Random(130, k);
    Eigen::MatrixXf Y(50, k);
    part.apply(X, Y, workers);
    EXPECT_TRUE(Y.isApprox(s.dense.middleCols(32, 50).transpose() * X, 1e-5f));
    Eigen::MatrixXf rows(130, 5);
    part.unpack_rows(9, rows);
    EXPECT_EQ(rows, s.dense.middleCols(41, 5));
    const Eigen::MatrixXf U = Eigen::MatrixXf::Random(50, k);
    Eigen::MatrixXf V(130, k);
    part.apply_transpose(U, V, workers);
    EXPECT_TRUE(V.isApprox(s.dense.middleCols(32, 50) * U, 1e-5f));
  }
}

TEST_P(HostMapOfEveryType, TakesEverySecondOutput) {
  const Stored s = stored(GetParam(), 130, 96, 8);
  Workers workers(2);
  for (const bool transposed : {false, true}) {
    SCOPED_TRACE(transposed);
    Eigen::MatrixXf W = s.dense;
    if (transposed) W.transposeInPlace();
    const Eigen::MatrixXf taken = W(Eigen::seqN(1, 40, 2), Eigen::all);
    for (const Nudge nudge : {Nudge{}, Nudge{true, 5}}) {
      const HostMap map(s.view, {1, 40, transposed, 2}, nudge);
      const HostMap all(s.view, {0, W.rows(), transposed}, nudge);
      for (const Eigen::Index k : kVectors) {
        SCOPED_TRACE(k);
        const Eigen::MatrixXf X = Eigen::MatrixXf::Random(W.cols(), k);
        Eigen::MatrixXf Y(40, k), Y_all(W.rows(), k);
        map.apply(X, Y, workers);
        all.apply(X, Y_all, workers);
        EXPECT_TRUE(Y.isApprox(Y_all(Eigen::seqN(1, 40, 2), Eigen::all), 1e-5f));
        EXPECT_TRUE(nudge.active || Y.isApprox(taken * X, 1e-5f));
        const Eigen::MatrixXf U = Eigen::MatrixXf::Random(40, k);
        Eigen::MatrixXf V(W.cols(), k), V_all(W.cols(), k),
            spread = Eigen::MatrixXf::Zero(W.rows(), k);
        spread(Eigen::seqN(1, 40, 2), Eigen::all) = U;
        map.apply_transpose(U, V, workers);
        all.apply_transpose(spread, V_all, workers);
        EXPECT_TRUE(V.isApprox(V_all, 1e-5f));
      }
      Eigen::MatrixXf rows(W.cols(), 5), rows_all(W.cols(), W.rows());
      map.unpack_rows(3, rows);
      all.unpack_rows(0, rows_all);
      EXPECT_EQ(rows, rows_all(Eigen::all, Eigen::seqN(7, 5, 2)));
    }
  }
}

TEST_P(HostMapOfEveryType, ThreadsDoNotChangeTheResult) {
  const Stored s = stored(GetParam(), 1000, 96, 5);
  const HostMap map(s.view, {0, 1000, false});
  Workers single(1);
  Workers several(3);
  for (const Eigen::Index k : kVectors) {
    SCOPED_TRACE(k);
    const Eigen::MatrixXf X = Eigen::MatrixXf::Random(96, k);
    Eigen::MatrixXf one(1000, k);
    Eigen::MatrixXf three(1000, k);
    map.apply(X, one, single);
    map.apply(X, three, several);
    EXPECT_EQ(one, three);
    Eigen::MatrixXf back_one(96, k);
    Eigen::MatrixXf back_three(96, k);
    map.apply_transpose(one, back_one, single);
    map.apply_transpose(one, back_three, several);
    EXPECT_EQ(back_one, back_three);
  }
}

// Units computed here from the definition: the distance to the next number of the type, or the
// scale of a quantised block.
TEST_P(HostMapOfEveryType, NudgeMovesEveryWeightByHalfAUnit) {
  const StoredType type = GetParam();
  const Stored s = stored(type, 40, 96, 6);
  RowMajor nudged(40, 96);
  unpack(s.view, 0, 40, nudged.data(), {true, 99});
  int up = 0;
  int moved = 0;
  for (std::int64_t r = 0; r < 40; ++r) {
    for (std::int64_t c = 0; c < 96; ++c) {
      const double value = s.dense(r, c);
      const double delta = static_cast<double>(nudged(r, c)) - value;
      double unit = 0;
      switch (type) {
        case StoredType::f32:
          unit = std::ldexp(1.0, std::ilogb(value) - 23);
          break;
        case StoredType::f16:
          unit = std::ldexp(1.0, std::ilogb(value) - 10);
          break;
        case StoredType::bf16:
          unit = std::ldexp(1.0, std::ilogb(value) - 7);
          break;
        default: {  // quantised: neighbouring levels of the same block differ by the scale
          TensorView scale_view = s.view;
          scale_view.type = StoredType::f16;
          scale_view.shape = {1, 1};
          scale_view.data = s.view.data + r * s.view.row_bytes() + c / 32 * block_bytes(type);
          float scale = 0;
          unpack(scale_view, 0, 1, &scale);
          unit = std::abs(scale);
        }
      }
      if (type == StoredType::f32) {
        // Half a unit of float32 is no float32 itself: it rounds to none or one.
        EXPECT_LE(std::abs(delta), 1.001 * unit);
      } else {
        EXPECT_NEAR(std::abs(delta), unit / 2, 1e-3 * unit + 1e-6 * std::abs(value));
      }
      up += delta > 0 ? 1 : 0;
      moved += delta != 0 ? 1 : 0;
    }
  }
  EXPECT_GT(moved, 40 * 96 / 3);
  EXPECT_NEAR(static_cast<double>(up) / moved, 0.5, 0.05);
}

INSTANTIATE_TEST_SUITE_P(Types, HostMapOfEveryType,
                         ::testing::Values(StoredType::f32, StoredType::f16, StoredType::bf16,
                                           StoredType::q4_1, StoredType::q8_0),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST(TensorView, WordSumIsOfTheStoredWords) {
  const std::vector<std::uint32_t> words = {1, 2, 0xffffffff, 40};
  TensorView view{StoredType::f32, {2, 2}, reinterpret_cast<const std::byte*>(words.data())};
  EXPECT_EQ(word_sum(view), 1ull + 2 + 0xffffffffull + 40);
  const TensorView second_row{StoredType::f32, {1, 2}, view.data + view.row_bytes()};
  EXPECT_EQ(word_sum(second_row), 0xffffffffull + 40);
}

}  // namespace
}  // namespace azimuth
