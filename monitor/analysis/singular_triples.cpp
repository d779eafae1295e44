#include "analysis/singular_triples.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <vector>

#include "analysis/krylov_basis.h"

namespace azimuth {
namespace {

constexpr double kRounding = 1e-14;

// B, lower bidiagonal, with M V = U B + below_k u_{k+1} e_kᵀ and Mᵀ U = V Bᵀ.
struct Bidiagonal {
  std::vector<double> diagonal;
  std::vector<double> below;  // one number more than B has: the last couples to u_{k+1}
};

// Singular values of B with vectors, the two largest, from the tridiagonal BᵀB: squares of the
// smallest ones are lost by that, the largest are as good.
struct Ritz {
  std::array<double, 2> sigma = {0, 0};
  std::array<Eigen::VectorXd, 2> left, right;  // in coordinates of U and V
};

Ritz decompose(const Bidiagonal& B) {
  const auto k = static_cast<Eigen::Index>(B.diagonal.size());
  Eigen::VectorXd main(k);
  Eigen::VectorXd beside(k - 1);
  for (Eigen::Index j = 0; j < k; ++j) {
    const auto i = static_cast<std::size_t>(j);
    const double below = j + 1 < k ? B.below[i] : 0;
    main[j] = B.diagonal[i] * B.diagonal[i] + below * below;
    if (j + 1 < k) beside[j] = below * B.diagonal[i + 1];
  }
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver;
  solver.computeFromTridiagonal(main, beside);
  Ritz ritz;
  ritz.left.fill(Eigen::VectorXd::Zero(k));
  ritz.right.fill(Eigen::VectorXd::Zero(k));
  for (Eigen::Index n = 0; n < std::min<Eigen::Index>(2, k); ++n) {
    const auto i = static_cast<std::size_t>(n);
    ritz.sigma[i] = std::sqrt(std::max(0.0, solver.eigenvalues()[k - 1 - n]));
    const Eigen::VectorXd right = solver.eigenvectors().col(k - 1 - n);
    Eigen::VectorXd left(k);
    for (Eigen::Index j = 0; j < k; ++j) {
      const auto row = static_cast<std::size_t>(j);
      left[j] = B.diagonal[row] * right[j] + (j > 0 ? B.below[row - 1] * right[j - 1] : 0);
    }
    if (ritz.sigma[i] > 0) ritz.left[i] = left / ritz.sigma[i];
    ritz.right[i] = right;
  }
  return ritz;
}

// What is left of `x` after orthogonalisation as the next vector of `basis`, and its length: 0
// where only rounding is left, and another vector takes its place if there is room for one.
double extend(KrylovBasis& basis, const Eigen::VectorXd& x, double scale, Eigen::Index size) {
  const double length = x.norm();
  if (length > kRounding * scale) {
    basis.add(x);
    return length;
  }
  if (basis.count() < size) basis.add(basis.fresh());
  return 0;
}

}  // namespace

SingularTriples singular_triples(const LinearOperator& M, const Eigen::VectorXd& start,
                                 const std::array<double, 2>& tolerance,
                                 std::int64_t max_products) {
  KrylovBasis left(M.size);
  KrylovBasis right(M.size);
  left.add(start.size() > 0 ? start : random_direction(M.size, 0));

  Bidiagonal B;
  Ritz ritz;
  SingularTriples triples;
  double scale = 0;
  for (std::int64_t products = 0; products + 2 <= max_products && !triples.converged;
       products += 2) {
    Eigen::VectorXd x = M.apply_transpose(left.back());
    if (!x.allFinite()) return {};
    scale = std::max(scale, x.norm());
    if (right.count() > 0) right.orthogonalise(x);
    B.diagonal.push_back(extend(right, x, scale, M.size));

    x = M.apply(right.back());
    if (!x.allFinite()) return {};
    scale = std::max(scale, x.norm());
    left.orthogonalise(x);
    // The whole space: nothing is left to couple to.
    const bool whole = left.count() == M.size;
    B.below.push_back(whole ? 0 : extend(left, x, scale, M.size));

    ritz = decompose(B);
    triples.converged = true;
    for (std::size_t i = 0; i < 2; ++i) {
      triples.sigma[i] = ritz.sigma[i];
      // Not a number at σ = 0, and then not converged. Never below what the products round off.
      triples.residual[i] =
          B.below.back() * std::abs(ritz.right[i][ritz.right[i].size() - 1]) / ritz.sigma[i];
      if (triples.residual[i] < kRounding) triples.residual[i] = kRounding;
      triples.converged = triples.converged && triples.residual[i] <= tolerance[i];
    }
    if (whole) break;
  }

  const auto k = static_cast<Eigen::Index>(B.diagonal.size());
  triples.left.resize(M.size, 2);
  triples.right.resize(M.size, 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto column = static_cast<Eigen::Index>(i);
    triples.left.col(column) = left.vectors().leftCols(k) * ritz.left[i];
    triples.right.col(column) = right.vectors().leftCols(k) * ritz.right[i];
  }
  return triples;
}

}  // namespace azimuth
