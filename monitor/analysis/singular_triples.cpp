#include "analysis/singular_triples.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/krylov_basis.h"
#include "model/kernels.h"

namespace azimuth {
namespace {

// The leading singular triples of B = Uᵀ M V, where either M V = U B or Mᵀ U = V Bᵀ.
struct RitzTriples {
  Eigen::VectorXd sigma;  // the largest first
  Eigen::MatrixXd left;   // coordinates in U
  Eigen::MatrixXd right;  // coordinates in V
};

// From BᵀB: squares of the smallest singular values are lost by that, the largest are as good.
RitzTriples decompose(const Eigen::MatrixXd& B) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(B.transpose() * B);
  const Eigen::Index count = std::min<Eigen::Index>(kFewVectors, B.cols());
  RitzTriples ritz;
  ritz.sigma = solver.eigenvalues().tail(count).reverse().cwiseMax(0).cwiseSqrt();
  ritz.right = solver.eigenvectors().rightCols(count).rowwise().reverse();
  ritz.left = B * ritz.right;
  for (Eigen::Index i = 0; i < count; ++i) {
    if (ritz.sigma[i] > 0) ritz.left.col(i) /= ritz.sigma[i];
  }
  return ritz;
}

// One side of the bidiagonalisation.
struct Side {
  explicit Side(Eigen::Index size) : basis(size) {}

  Eigen::Index newest() const { return basis.count() - first; }
  auto newest_vectors() const { return basis.vectors().rightCols(newest()); }
  Eigen::MatrixXd extend(const Eigen::MatrixXd& X, double negligible) {
    first = basis.count();
    return basis.extend(X, negligible);
  }

  KrylovBasis basis;
  Eigen::Index first = 0;  // of the vectors that were added last
};

Side starting_side(Eigen::Index size, const Eigen::MatrixXd& start) {
  const Eigen::Index given =
      start.rows() == size ? std::min<Eigen::Index>(start.cols(), kFewVectors - 1) : 0;
  Eigen::MatrixXd X(size, kFewVectors);
  for (Eigen::Index j = 0; j < kFewVectors; ++j) {
    X.col(j) = j < given ? Eigen::VectorXd(start.col(j).normalized())
                         : random_direction(size, static_cast<std::uint64_t>(j));
  }
  Side side(size);
  side.extend(X, 1e-6);
  return side;
}

// Before that the random vector has not turned to a triple that the start does not hold, which may
// be exact for others.
constexpr std::int64_t kFewestProducts = 6;

// What the products, and the squares in `decompose`, round off of the residual of a σ.
double rounded_off(const LinearOperator& M, double first, double sigma) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  const double ratio = first / sigma;
  return std::max(M.rounding * ratio, kEpsilon * ratio * ratio);
}

bool within(const TripleTolerance& tolerance, const LinearOperator& M,
            const SingularTriples& triples) {
  const auto [first, second] = triples.sigma;
  // σ_2 as large as its residual allows.
  const double gap = 1 - second * (1 + triples.residual[1]) / first;
  const auto small_enough = [&](double residual, double tolerated, double sigma) {
    return residual <= std::max(tolerated, 2 * rounded_off(M, first, sigma));
  };
  return small_enough(triples.residual[0], tolerance.first_angle * gap, first) &&
         small_enough(triples.residual[1], tolerance.second_residual, second);
}

}  // namespace

SingularTriples singular_triples(const LinearOperator& M, const Eigen::MatrixXd& start,
                                 const TripleTolerance& tolerance, std::int64_t max_products) {
  Side left = starting_side(M.size, start);
  Side right(M.size);
  Eigen::MatrixXd B;
  RitzTriples ritz;
  SingularTriples triples;
  double scale = 0;
  for (std::int64_t product = 0; product < max_products; ++product) {
    // In turns: Mᵀ with the newest left vectors, and M with the newest right ones. None are left
    // where the other side fills the space.
    const bool transposed = product % 2 == 0;
    Side& from = transposed ? left : right;
    Side& to = transposed ? right : left;
    const Eigen::Index newest = from.newest();
    Eigen::MatrixXd X(M.size, 0);
    if (newest > 0) X = (transposed ? M.apply_transpose : M.apply)(from.newest_vectors());
    if (!std::isfinite(X.squaredNorm())) return {};
    scale = std::max(scale, X.norm());
    const Eigen::MatrixXd known = to.basis.orthogonalise(X);
    const Eigen::MatrixXd fresh = to.extend(X, M.rounding * scale);

    // Until now one of the two products was U B or V Bᵀ; of the other, this was not in it.
    if (B.size() > 0) {
      ritz = decompose(B);
      const Eigen::MatrixXd& own = transposed ? ritz.left : ritz.right;
      const Eigen::VectorXd beyond = (fresh * own.bottomRows(newest)).colwise().norm().transpose();
      for (Eigen::Index i = 0; i < std::min<Eigen::Index>(2, ritz.sigma.size()); ++i) {
        const auto n = static_cast<std::size_t>(i);
        triples.sigma[n] = ritz.sigma[i];
        // Not a number at σ = 0, and then not converged.
        triples.residual[n] = beyond[i] / ritz.sigma[i];
        const double least = rounded_off(M, ritz.sigma[0], ritz.sigma[i]);
        if (triples.residual[n] < least) triples.residual[n] = least;
      }
      triples.converged =
          (newest == 0 || product + 1 >= kFewestProducts) && within(tolerance, M, triples);
    }
    if (triples.converged || newest == 0) break;

    Eigen::MatrixXd grown = Eigen::MatrixXd::Zero(to.basis.count(), from.basis.count());
    if (transposed) B.transposeInPlace();
    grown.topLeftCorner(B.rows(), B.cols()) = B;
    grown.rightCols(newest) << known, fresh;
    if (transposed) grown.transposeInPlace();
    B = grown;
  }

  triples.start = left.basis.vectors().leftCols(ritz.left.rows()) * ritz.left;
  triples.left = Eigen::MatrixXd::Zero(M.size, 2);
  triples.right = triples.left;
  const Eigen::Index pairs = std::min<Eigen::Index>(2, ritz.sigma.size());
  triples.left.leftCols(pairs) = triples.start.leftCols(pairs);
  triples.right.leftCols(pairs) =
      right.basis.vectors().leftCols(ritz.right.rows()) * ritz.right.leftCols(pairs);
  return triples;
}

}  // namespace azimuth
