#include "azimuth/host_product.h"

#include <gtest/gtest.h>

#include <random>

namespace azimuth {
namespace {

// Parts of larger matrices, with one vector and several, against products in float64.
TEST(HostProduct, MultipliesPartsOfMatrices) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  const auto numbers = [&] { return normal(random); };
  const Eigen::MatrixXf a = Eigen::MatrixXf::NullaryExpr(90, 70, numbers);
  for (const Eigen::Index vectors : {1, 4, 23}) {
    const Eigen::MatrixXf x = Eigen::MatrixXf::NullaryExpr(90, vectors, numbers);
    const auto part = a.block(3, 5, 80, 61);
    const Eigen::MatrixXd exact = part.cast<double>();

    Eigen::MatrixXf y = Eigen::MatrixXf::Constant(70, vectors, 2);
    multiply_transposed(part, x.middleRows(7, 80), y.middleRows(4, 61));
    const Eigen::MatrixXd product = exact.transpose() * x.middleRows(7, 80).cast<double>();
    EXPECT_TRUE(y.middleRows(4, 61).cast<double>().isApprox(product, 1e-5)) << vectors;
    EXPECT_TRUE((y.topRows(4).array() == 2).all() && (y.bottomRows(5).array() == 2).all());

    Eigen::MatrixXf sum = Eigen::MatrixXf::Constant(90, vectors, 2);
    add_product(part, x.middleRows(7, 61), sum.middleRows(4, 80));
    const Eigen::MatrixXd added = (exact * x.middleRows(7, 61).cast<double>()).array() + 2;
    EXPECT_TRUE(sum.middleRows(4, 80).cast<double>().isApprox(added, 1e-5)) << vectors;
    EXPECT_TRUE((sum.topRows(4).array() == 2).all() && (sum.bottomRows(6).array() == 2).all());
  }
}

}  // namespace
}  // namespace azimuth
