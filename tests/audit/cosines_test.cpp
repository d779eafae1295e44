#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <tuple>

#include "azimuth/host_map.h"
#include "residual_rows.h"

namespace azimuth {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr std::int64_t kHigh = 700;
constexpr std::int64_t kWide = 3100;  // more numbers than are read at once
constexpr Eigen::Index kProbes = 11;

class Cosines : public ::testing::TestWithParam<std::tuple<bool, NormKind>> {
 protected:
  Cosines() {
    std::mt19937 random(4);
    std::normal_distribution<float> normal;
    const auto numbers = [&] { return normal(random); };
    weights_ = RowMajor::NullaryExpr(kHigh, kWide, numbers);
    weights_.row(5).setZero();
    weights_.col(7).setZero();
    weights_(6, 9) = std::numeric_limits<float>::infinity();
    weights_(600, 3000) = 1e30f;  // its square is not finite
    const auto& [columns, kind] = GetParam();
    const Eigen::Index size = columns ? kHigh : kWide;
    norm_.kind = kind;
    norm_.weight = Eigen::VectorXf::NullaryExpr(size, numbers);
    probes_ = {.vectors = Eigen::MatrixXf::NullaryExpr(size, kProbes, numbers), .size = kProbes};
    if (kind == NormKind::layer) {
      probes_.vectors.rowwise() -= probes_.vectors.colwise().mean().eval();
    }
    probes_.vectors.colwise().normalize();
  }

  Eigen::MatrixXf computed(int threads) const {
    const HostMap map({.type = StoredType::f32,
                       .shape = {kHigh, kWide},
                       .data = reinterpret_cast<const std::byte*>(weights_.data())},
                      {.first_output = 0, .outputs = kHigh});
    Workers workers(threads);
    return cosines({&map, std::get<bool>(GetParam()), FoldedNorm::before(norm_)}, probes_, workers);
  }

  RowMajor weights_;
  Norm norm_;
  Probes probes_;
};

TEST_P(Cosines, AreThoseOfFoldedVectorsWithProbes) {
  const auto& [columns, kind] = GetParam();
  const Eigen::MatrixXf found = computed(2);
  const std::int64_t count = columns ? kWide : kHigh;
  ASSERT_EQ(found.rows(), count);
  int without = 0;
  for (Eigen::Index i = 0; i < count; ++i) {
    Eigen::VectorXd vector = weights_.row(columns ? 0 : i).transpose().cast<double>();
    if (columns) vector = weights_.col(i).cast<double>();
    if (vector.isZero(0) || !(vector.norm() < 1e19)) {
      EXPECT_TRUE(found.row(i).array().isNaN().all()) << i;
      ++without;
      continue;
    }
    vector = vector.cwiseProduct(norm_.weight.cast<double>());
    if (kind == NormKind::layer) vector.array() -= vector.mean();
    const Eigen::RowVectorXd exact =
        vector.normalized().transpose() * probes_.vectors.cast<double>();
    ASSERT_LT((found.row(i).cast<double>() - exact).cwiseAbs().maxCoeff(), 1e-6) << i;
  }
  EXPECT_EQ(without, 3);
}

TEST_P(Cosines, AreTheSameWithAnyNumberOfThreads) {
  const Eigen::MatrixXf one = computed(1);
  const Eigen::MatrixXf three = computed(3);
  EXPECT_TRUE(
      ((one.array() == three.array()) || (one.array().isNaN() && three.array().isNaN())).all());
}

INSTANTIATE_TEST_SUITE_P(OfRowsAndColumns, Cosines,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Values(NormKind::rms, NormKind::layer)));

}  // namespace
}  // namespace azimuth
