// The iterations on operators that real models would have to be searched for.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/eigenpair.h"
#include "analysis/krylov_basis.h"
#include "analysis/singular_triples.h"
#include "azimuth/angle.h"
#include "support/decompositions.h"

namespace azimuth {
namespace {

LinearOperator operator_of(Eigen::MatrixXd M) {
  LinearOperator op;
  op.size = M.rows();
  op.apply = [M](const Eigen::MatrixXd& X) -> Eigen::MatrixXd { return M * X; };
  op.apply_transpose = [M](const Eigen::MatrixXd& Y) -> Eigen::MatrixXd {
    return M.transpose() * Y;
  };
  return op;
}

Eigen::MatrixXd orthogonal(Eigen::Index size, std::uint64_t seed) {
  Eigen::MatrixXd random(size, size);
  for (Eigen::Index i = 0; i < size; ++i) {
    random.col(i) = random_direction(size, seed + static_cast<std::uint64_t>(i));
  }
  return testing::orthogonal_factor(random);
}

struct KnownSingularValues {
  Eigen::MatrixXd U = orthogonal(300, 1000);
  Eigen::MatrixXd V = orthogonal(300, 2000);
  Eigen::VectorXd sigma = Eigen::VectorXd::LinSpaced(300, 10, 0.1);
  LinearOperator op() const { return operator_of(U * sigma.asDiagonal() * V.transpose()); }
};

constexpr TripleTolerance kTight = {.first_angle = 1e-8, .second_residual = 1e-8};

TEST(SingularTriples, OfALargeOperator) {
  KnownSingularValues known;
  known.sigma[0] = 400;
  known.sigma[1] = 30;
  const SingularTriples triples = singular_triples(known.op(), {}, kTight, 120);
  EXPECT_TRUE(triples.converged);
  EXPECT_NEAR(triples.sigma[0], 400, 1e-9);
  EXPECT_NEAR(triples.sigma[1], 30, 1e-9);
  for (Eigen::Index i = 0; i < 2; ++i) {
    EXPECT_LT(angle_degrees(triples.left.col(i), known.U.col(i)), 1e-4);
    EXPECT_LT(angle_degrees(triples.right.col(i), known.V.col(i)), 1e-4);
    EXPECT_GT(triples.left.col(i).dot(known.U.col(i)) * triples.right.col(i).dot(known.V.col(i)), 0)
        << "signs that belong together";
  }
}

// There is nothing to begin with: the first product is zero already, or too long to have a length.
TEST(SingularTriples, OfAnOperatorThatIsZeroOrTooLargeDoNotConverge) {
  for (const double factor : {0.0, 1e200}) {
    const LinearOperator op = operator_of(factor * Eigen::MatrixXd::Identity(8, 8));
    const SingularTriples triples = singular_triples(op, {}, kTight, 120);
    EXPECT_FALSE(triples.converged) << factor;
  }
}

// The residual that is reported is the one that can be measured.
TEST(SingularTriples, ReportTheirTrueResidualWhereTheyDoNotConverge) {
  const KnownSingularValues known;
  const LinearOperator op = known.op();
  for (const std::int64_t products : {10, 11}) {  // the last with M, and with its transpose
    const SingularTriples triples = singular_triples(op, {}, kTight, products);
    EXPECT_FALSE(triples.converged);
    for (std::size_t i = 0; i < 2; ++i) {
      const Eigen::VectorXd u = triples.left.col(static_cast<Eigen::Index>(i));
      const Eigen::VectorXd v = triples.right.col(static_cast<Eigen::Index>(i));
      const double sigma = triples.sigma[i];
      const double rest =
          std::max((op.apply(v) - sigma * u).norm(), (op.apply_transpose(u) - sigma * v).norm());
      EXPECT_GT(triples.residual[i], 1e-3);
      EXPECT_NEAR(triples.residual[i], rest / sigma, 1e-10);
    }
  }
}

TEST(SingularTriples, TakeFewProductsWhereOneValueStandsOut) {
  KnownSingularValues known;
  known.sigma[0] = 400;
  int products = 0;
  LinearOperator op = known.op();
  op.apply = [&products, inner = op.apply](const Eigen::MatrixXd& X) {
    ++products;
    return inner(X);
  };
  op.apply_transpose = [&products, inner = op.apply_transpose](const Eigen::MatrixXd& Y) {
    ++products;
    return inner(Y);
  };
  singular_triples(op, {}, {.first_angle = 1e-6, .second_residual = 1}, 120);
  EXPECT_LE(products, 8);
}

// A start that is a singular vector itself spans no space to look for others in.
TEST(SingularTriples, GoOnWhereTheSpaceIsExhausted) {
  Eigen::VectorXd sigma = KnownSingularValues().sigma;
  sigma[0] = 400;
  sigma[1] = 300;
  const SingularTriples triples =
      singular_triples(operator_of(sigma.asDiagonal()), Eigen::VectorXd::Unit(300, 7), kTight, 300);
  EXPECT_TRUE(triples.converged);
  EXPECT_NEAR(triples.sigma[0], 400, 1e-6);
  EXPECT_NEAR(triples.sigma[1], 300, 1e-6);
}

// As after a snapshot in which a new direction has come up beside those that were there.
TEST(SingularTriples, AreNotMisledByAStartThatIsExactForOthers) {
  Eigen::VectorXd sigma = KnownSingularValues().sigma;
  sigma[7] = 40;
  const Eigen::MatrixXd start = Eigen::MatrixXd::Identity(300, 3);
  const SingularTriples triples = singular_triples(operator_of(sigma.asDiagonal()), start, {}, 60);
  EXPECT_TRUE(triples.converged);
  EXPECT_NEAR(triples.sigma[0], 40, 1e-4);
  EXPECT_NEAR(triples.sigma[1], sigma[0], 0.01);
}

// Spaces that a whole number of blocks does not fill, or not even one.
TEST(SingularTriples, OfSmallOperatorsAreExact) {
  for (const Eigen::Index size : {2, 3, 4, 5, 10, 11}) {
    SCOPED_TRACE(size);
    Eigen::MatrixXd M(size, size);
    for (Eigen::Index j = 0; j < size; ++j) {
      M.col(j) = random_direction(size, 300 + static_cast<std::uint64_t>(j));
    }
    const testing::Svd svd = testing::svd(M);
    const SingularTriples triples = singular_triples(operator_of(M), {}, kTight, 60);
    EXPECT_TRUE(triples.converged);
    EXPECT_NEAR(triples.sigma[0], svd.sigma[0], 1e-12);
    EXPECT_NEAR(triples.sigma[1], svd.sigma[1], 1e-12);
    EXPECT_LT(angle_degrees(triples.left.col(0), svd.U.col(0)), 1e-6);
  }
}

// Two values that the products cannot tell apart: what they round off is as far as it goes.
TEST(SingularTriples, EndWhereTheProductsRoundOff) {
  KnownSingularValues known;
  known.sigma[0] = 400;
  known.sigma[1] = 400 * (1 - 1e-5);
  LinearOperator op = known.op();
  op.rounding = 1e-6;
  const auto in_float = [](const LinearOperator::Product& product) {
    return [product](const Eigen::MatrixXd& X) -> Eigen::MatrixXd {
      return product(X).cast<float>().cast<double>();
    };
  };
  op.apply = in_float(op.apply);
  op.apply_transpose = in_float(op.apply_transpose);
  const SingularTriples triples = singular_triples(op, {}, {}, 60);
  EXPECT_TRUE(triples.converged);
  EXPECT_GE(triples.residual[0], 1e-6);
  EXPECT_LE(triples.residual[0], 2e-6);
}

// Fewer vectors than are multiplied with at once, and no second one.
TEST(SingularTriples, OfOneNumberAreThatNumber) {
  const SingularTriples triples =
      singular_triples(operator_of(Eigen::MatrixXd::Constant(1, 1, -3)), {}, kTight, 60);
  EXPECT_NEAR(triples.sigma[0], 3, 1e-12);
  EXPECT_TRUE(std::isnan(triples.sigma[1]));
  EXPECT_EQ(triples.left.cols(), 2);
  EXPECT_EQ(triples.right.cols(), 2);
}

TEST(SingularTriples, OfRankOneHaveOneSigma) {
  const Eigen::VectorXd u = random_direction(12, 1);
  const Eigen::VectorXd v = random_direction(12, 2);
  const SingularTriples triples =
      singular_triples(operator_of(3 * u * v.transpose()), {}, kTight, 120);
  EXPECT_NEAR(triples.sigma[0], 3, 1e-12);
  EXPECT_NEAR(triples.sigma[1], 0, 1e-6);
  EXPECT_LT(angle_degrees(triples.right.col(0), v), 1e-6);
}

TEST(SingularTriples, OfWhatIsNotFiniteAreNone) {
  Eigen::MatrixXd M = Eigen::MatrixXd::Identity(6, 6);
  M(2, 3) = std::numeric_limits<double>::infinity();
  const SingularTriples triples = singular_triples(operator_of(M), {}, kTight, 120);
  EXPECT_TRUE(std::isnan(triples.sigma[0]));
  EXPECT_FALSE(triples.converged);
  EXPECT_EQ(triples.left.size(), 0);
}

TEST(ClosestEigenpair, OfALargeOperator) {
  // Not normal: eigenvectors far from orthogonal. The direction is almost that of −0.9, whose
  // eigenvalue lies outside of the rest.
  const Eigen::Index n = 300;
  const Eigen::MatrixXd X =
      orthogonal(n, 5) + 0.3 * random_direction(n, 9999) * Eigen::RowVectorXd::Ones(n);
  Eigen::VectorXd values = Eigen::VectorXd::LinSpaced(n, 0.01, 0.6);
  values[40] = -0.9;
  const LinearOperator R = operator_of(X * values.asDiagonal() * testing::inverse(X));
  const Eigen::VectorXd vector = X.col(40).normalized();
  const Eigen::VectorXd direction = (vector + 0.1 * random_direction(n, 77)).normalized();
  const DecayEigenpair pair = closest_eigenpair(R, direction);
  EXPECT_TRUE(pair.converged);
  EXPECT_NEAR(pair.real, -0.9, 1e-6);
  EXPECT_EQ(pair.imaginary, 0);
  EXPECT_NEAR(pair.angle, angle_degrees(direction, vector), 1e-3);
}

/// A symmetric operator of known eigenpairs that counts its products.
struct KnownEigenvalues {
  explicit KnownEigenvalues(const Eigen::VectorXd& values)
      : vectors(orthogonal(values.size(), 6)),
        matrix(vectors * values.asDiagonal() * vectors.transpose()) {}

  /// To so much of the first two vectors, and some of all.
  DecayEigenpair closest_to(double first, double second, double noise) {
    products = 0;
    LinearOperator R = operator_of(matrix);
    R.apply = [this](const Eigen::MatrixXd& X) -> Eigen::MatrixXd {
      ++products;
      return matrix * X;
    };
    const Eigen::VectorXd direction = first * vectors.col(0) + second * vectors.col(1) +
                                      noise * random_direction(matrix.rows(), 5000);
    return closest_eigenpair(R, direction.normalized());
  }

  Eigen::MatrixXd vectors;
  Eigen::MatrixXd matrix;
  int products = 0;
};

TEST(ClosestEigenpair, EndsWhenTheClosestHasConvergedAndNoSooner) {
  // 50 converges at once, whether it is the closest or not; 0.02, amid the others, late.
  Eigen::VectorXd values(300);
  values << 50, 0.02, Eigen::VectorXd::LinSpaced(149, -1, -0.2),
      Eigen::VectorXd::LinSpaced(149, 0.2, 1);
  KnownEigenvalues known(values);
  EXPECT_NEAR(known.closest_to(1, 0.1, 0.5).real, 50, 1e-9);
  EXPECT_EQ(known.products, 20);
  EXPECT_NEAR(known.closest_to(0.1, 1, 0.5).real, 0.02, 1e-9);
  EXPECT_GT(known.products, 20);
  EXPECT_LT(known.products, 200);
}

// An eigenvector amid many others is found last: until then several vectors share what is its own,
// and each of them lies farther away than one that has converged.
TEST(ClosestEigenpair, IsNotTheFirstToConvergeWhileACloserOneIsSpread) {
  Eigen::VectorXd values(200);
  values << 20, 0.5, Eigen::VectorXd::LinSpaced(198, -1, 1);
  KnownEigenvalues known(values);
  for (const double first : {0.5, 0.55, 0.6, 0.65, 0.7}) {
    EXPECT_NEAR(known.closest_to(first, 0.79, 0.3).real, 0.5, 1e-6) << first;
  }
}

TEST(ClosestEigenpair, OfARotationIsItsPlane) {
  Eigen::MatrixXd R = Eigen::MatrixXd::Zero(4, 4);
  R.topLeftCorner(2, 2) << 0, -2, 2, 0;
  R(2, 2) = 5;
  R(3, 3) = 7;
  const Eigen::Vector4d direction = Eigen::Vector4d(3, 4, 1, 0).normalized();
  const DecayEigenpair pair = closest_eigenpair(operator_of(R), direction);
  EXPECT_NEAR(pair.real, 0, 1e-12);
  EXPECT_NEAR(pair.imaginary, 2, 1e-12);
  EXPECT_NEAR(pair.angle, std::atan2(1, 5) * 180 / std::acos(-1), 1e-6);
  EXPECT_TRUE(pair.converged);
}

TEST(ClosestEigenpair, OfAnEigenvectorIsItself) {
  const Eigen::MatrixXd R = Eigen::Vector3d(-1, 2, 3).asDiagonal();
  const DecayEigenpair pair = closest_eigenpair(operator_of(R), Eigen::Vector3d::Unit(0));
  EXPECT_EQ(pair.real, -1);
  EXPECT_EQ(pair.angle, 0);
  EXPECT_TRUE(pair.converged);
}

TEST(ClosestEigenpair, OfWhatIsNotFiniteIsNone) {
  Eigen::MatrixXd R = Eigen::MatrixXd::Identity(3, 3);
  R(1, 1) = std::numeric_limits<double>::quiet_NaN();
  const DecayEigenpair pair =
      closest_eigenpair(operator_of(R), Eigen::Vector3d::Ones().normalized());
  EXPECT_TRUE(std::isnan(pair.real));
  EXPECT_FALSE(pair.converged);
}

}  // namespace
}  // namespace azimuth
