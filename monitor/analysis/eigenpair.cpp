#include "analysis/eigenpair.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "analysis/krylov_basis.h"

namespace azimuth {
namespace {

constexpr Eigen::Index kLargestSpace = 200;
constexpr double kRounding = 1e-14;
constexpr double kTolerance = 1e-3;  // of |R x − λ x| / |λ|
constexpr double kSettled = 1e-6;
constexpr Eigen::Index kFirstLook = 20;

// Of the space that the real and imaginary part of `y` span: orthonormal columns.
Eigen::MatrixXd span_of(const Eigen::VectorXcd& y) {
  constexpr double kParallel = 1e-9;
  Eigen::VectorXd a = y.real();
  Eigen::VectorXd b = y.imag();
  if (a.norm() < b.norm()) std::swap(a, b);
  a.normalize();
  b -= b.dot(a) * a;
  if (b.norm() <= kParallel) return a;
  Eigen::MatrixXd both(y.size(), 2);
  both << a, b.normalized();
  return both;
}

// Degrees between the first unit vector and that space.
double angle_to_first(const Eigen::MatrixXd& span) {
  Eigen::VectorXd inside = span * span.row(0).transpose();
  const double cosine = inside.norm();
  inside[0] -= 1;
  return std::atan2(inside.norm(), cosine) * 180 / std::numbers::pi;
}

struct Ritz {
  DecayEigenpair chosen;
  Eigen::MatrixXd span;  ///< of the chosen one, within the space
  /// No larger space shows a closer pair: sure where eigenvectors are orthogonal, likely elsewhere.
  bool settled = false;
};

// Of H, the operator within the space; `coupling` is that of its last vector to the next.
Ritz ritz_of(const Eigen::MatrixXd& H, double coupling) {
  Ritz out;
  const Eigen::EigenSolver<Eigen::MatrixXd> solver(H);
  if (solver.info() != Eigen::Success) return out;
  const Eigen::MatrixXcd vectors = solver.eigenvectors();
  // Squares of cosines, which add up to 1 where eigenvectors are orthogonal: what the settled pairs
  // leave of the direction is the most that a pair can have which is still spread over several.
  double closest = 0;
  bool closest_settled = false;
  double rest = 1;
  for (Eigen::Index i = 0; i < H.rows(); ++i) {
    const std::complex<double> value = solver.eigenvalues()[i];
    if (value.imag() < 0) continue;
    const Eigen::VectorXcd y = vectors.col(i).normalized();
    DecayEigenpair pair;
    pair.real = value.real();
    pair.imaginary = value.imag();
    const Eigen::MatrixXd span = span_of(y);
    pair.angle = angle_to_first(span);
    // An invariant space has no residual but rounding, not even where λ is 0.
    pair.residual =
        coupling > 0 ? std::max(kRounding, coupling * std::abs(y[H.rows() - 1]) / std::abs(value))
                     : kRounding;
    pair.converged = pair.residual <= kTolerance;
    const double share = std::pow(std::cos(pair.angle * std::numbers::pi / 180), 2);
    const bool settled = pair.residual <= kSettled;
    if (settled) rest -= share;
    if (share > closest) {
      closest = share;
      closest_settled = settled;
    }
    const DecayEigenpair& best = out.chosen;
    const bool first = std::isnan(best.angle);
    const bool better =
        pair.converged == best.converged
            ? (pair.converged ? pair.angle < best.angle : pair.residual < best.residual)
            : pair.converged;
    if (first || better) {
      out.chosen = pair;
      out.span = span;
    }
  }
  out.settled = closest_settled && closest >= rest;
  return out;
}

}  // namespace

DecayEigenpair closest_eigenpair(const LinearOperator& R, const Eigen::VectorXd& direction,
                                 Eigen::MatrixXd* span) {
  const Eigen::Index most = std::min(R.size, kLargestSpace);
  KrylovBasis basis(R.size);
  basis.add(direction);
  Eigen::MatrixXd H = Eigen::MatrixXd::Zero(most, most);
  double scale = 0;
  Eigen::Index look = kFirstLook;  // doubled each time: a look costs the cube of the size
  for (Eigen::Index k = 0;; ++k) {
    Eigen::VectorXd x = R.apply(basis.back()).col(0);
    if (!x.allFinite()) return {};
    scale = std::max(scale, x.norm());
    H.col(k).head(k + 1) = basis.orthogonalise(x).col(0);
    double coupling = x.norm();  // of the last vector to the next
    if (coupling <= kRounding * scale || k + 1 == R.size) coupling = 0;  // the space is invariant
    const bool last = coupling == 0 || k + 1 == most;
    if (last || k + 1 == look) {
      look *= 2;
      const Ritz ritz = ritz_of(H.topLeftCorner(k + 1, k + 1), coupling);
      if (last || ritz.settled) {
        if (span != nullptr && ritz.span.rows() > 0) *span = basis.vectors() * ritz.span;
        return ritz.chosen;
      }
    }
    H(k + 1, k) = coupling;
    basis.add(x);
  }
}

}  // namespace azimuth
