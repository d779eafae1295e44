#include "analysis/leading_direction.h"

#include <Eigen/Eigenvalues>
#include <cmath>

namespace azimuth {
namespace {

// Power iteration on M Mᵀ: high-norm hidden states lie along one line, so a few steps are enough.
// Fails where two lines hold them about equally well.
bool iterate(const Eigen::Ref<const Eigen::MatrixXd>& M, Eigen::VectorXd& u) {
  constexpr int kSteps = 60;
  constexpr double kConverged = 1e-13;
  for (int i = 0; i < kSteps; ++i) {
    Eigen::VectorXd next = M * (M.transpose() * u);
    next.normalize();
    const double change = (next - u).norm();
    u = std::move(next);
    if (change < kConverged) return true;
  }
  return false;
}

// The same from the smaller of the two Gram matrices, dense.
Eigen::VectorXd decompose(const Eigen::Ref<const Eigen::MatrixXd>& M) {
  const bool wide = M.cols() >= M.rows();
  const Eigen::MatrixXd gram = wide ? (M * M.transpose()).eval() : (M.transpose() * M).eval();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
  const Eigen::VectorXd last = solver.eigenvectors().rightCols<1>();
  return wide ? last : (M * last).normalized();
}

}  // namespace

LeadingDirection leading_direction(const Eigen::Ref<const Eigen::MatrixXd>& columns) {
  // Scaled, so that squares of large norms stay finite.
  const double scale = columns.cwiseAbs().maxCoeff();
  const Eigen::MatrixXd M = columns / scale;
  Eigen::Index longest = 0;
  M.colwise().squaredNorm().maxCoeff(&longest);
  Eigen::VectorXd u = M.col(longest).normalized();
  if (!iterate(M, u)) u = decompose(M);
  const Eigen::RowVectorXd coefficients = u.transpose() * M;
  if (coefficients.sum() < 0) u = -u;
  return {u, coefficients.squaredNorm() / M.squaredNorm()};
}

}  // namespace azimuth
