#include "polar_factor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "support/decompositions.h"

namespace azimuth {
namespace {

Eigen::MatrixXd random_matrix(Eigen::Index rows, Eigen::Index columns, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  return Eigen::MatrixXd::NullaryExpr(rows, columns, [&] { return normal(random); });
}

/// With singular values from 1 down to `least`, evenly in their logarithm.
Eigen::MatrixXd with_spectrum(Eigen::Index rows, Eigen::Index columns, double least) {
  const testing::Svd svd = testing::svd(random_matrix(rows, columns, 1));
  const Eigen::Index count = svd.sigma.size();
  const Eigen::VectorXd sigma = Eigen::VectorXd::NullaryExpr(count, [&](Eigen::Index i) {
    return std::pow(least, static_cast<double>(i) / static_cast<double>(count - 1));
  });
  return svd.U * sigma.asDiagonal() * svd.V.transpose();
}

double largest_difference(const Eigen::MatrixXf& factor, const Eigen::MatrixXd& expected) {
  return (factor.cast<double>() - expected).cwiseAbs().maxCoeff();
}

class PolarFactor : public ::testing::Test {
 protected:
  Workers workers_;
};

TEST_F(PolarFactor, IsThatOfTheSingularValueDecomposition) {
  for (const auto& [rows, columns] : {std::pair{120, 120}, {120, 75}, {75, 120}, {1, 9}, {9, 1}}) {
    const Eigen::MatrixXd m = random_matrix(rows, columns, 2);
    const testing::Svd svd = testing::svd(m);
    EXPECT_LT(
        largest_difference(polar_factor(m.cast<float>(), workers_), svd.U * svd.V.transpose()),
        1e-5)
        << rows << " x " << columns;
  }
}

TEST_F(PolarFactor, HoldsWhereTheSmallestSingularValueIsAThousandthOrLess) {
  for (const auto& [least, tolerance] : {std::pair{1e-3, 3e-4}, {1e-4, 3e-3}}) {
    const Eigen::MatrixXd m = with_spectrum(120, 100, least);
    const testing::Svd svd = testing::svd(m);
    EXPECT_LT(
        largest_difference(polar_factor(m.cast<float>(), workers_), svd.U * svd.V.transpose()),
        tolerance)
        << least;
  }
}

// The largest singular value is 80 times all others: the scaling must not turn it round.
TEST_F(PolarFactor, KeepsADirectionThatOutweighsAllOthers) {
  const testing::Svd svd = testing::svd(random_matrix(90, 90, 3));
  Eigen::VectorXd sigma = Eigen::VectorXd::Ones(90);
  sigma[0] = 80;
  const Eigen::MatrixXd m = svd.U * sigma.asDiagonal() * svd.V.transpose();
  EXPECT_LT(largest_difference(polar_factor(m.cast<float>(), workers_), svd.U * svd.V.transpose()),
            1e-4);
}

TEST_F(PolarFactor, LeavesOutWhatIsNotDetermined) {
  const testing::Svd svd = testing::svd(random_matrix(90, 90, 4));
  Eigen::VectorXd sigma = Eigen::VectorXd::Ones(90);
  sigma.tail(30).setZero();
  const Eigen::MatrixXd m = svd.U * sigma.asDiagonal() * svd.V.transpose();
  const Eigen::MatrixXd determined = svd.U.leftCols(60) * svd.V.leftCols(60).transpose();
  EXPECT_LT(largest_difference(polar_factor(m.cast<float>(), workers_), determined), 0.02);

  Eigen::MatrixXf with_zeros = random_matrix(40, 40, 5).cast<float>();
  with_zeros.col(7).setZero();
  with_zeros.row(11).setZero();
  const Eigen::MatrixXf factor = polar_factor(with_zeros, workers_);
  EXPECT_EQ(factor.col(7).norm(), 0);
  EXPECT_EQ(factor.row(11).norm(), 0);
}

TEST_F(PolarFactor, DoesNotDependOnTheScale) {
  const Eigen::MatrixXf m = random_matrix(40, 40, 6).cast<float>();
  const Eigen::MatrixXf factor = polar_factor(m, workers_);
  const std::pair<float, float> scales[] = {
      {1e36f, 1e-5f}, {1e-36f, 1e-5f}, {1e-41f, 1e-2f}};  // the last leaves 12 bits of a number
  for (const auto& [scale, tolerance] : scales) {
    EXPECT_LT((polar_factor(m * scale, workers_) - factor).cwiseAbs().maxCoeff(), tolerance)
        << scale;
  }
}

TEST_F(PolarFactor, OfNothingOrOfNumbersThatAreNotFiniteIsNone) {
  EXPECT_EQ(polar_factor(Eigen::MatrixXf::Zero(3, 4), workers_).size(), 0);
  Eigen::MatrixXf m = Eigen::MatrixXf::Ones(3, 4);
  m(1, 2) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(polar_factor(m, workers_).size(), 0);
  m(1, 2) = std::numeric_limits<float>::infinity();
  EXPECT_EQ(polar_factor(m, workers_).size(), 0);
}

TEST_F(PolarFactor, IsTheSameWithAnyNumberOfThreads) {
  const Eigen::MatrixXf m = random_matrix(210, 190, 7).cast<float>();
  Workers three(3);
  EXPECT_EQ(polar_factor(m, workers_), polar_factor(m, three));
}

}  // namespace
}  // namespace azimuth
