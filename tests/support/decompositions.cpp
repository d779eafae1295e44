#include "support/decompositions.h"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>
#include <Eigen/SVD>

namespace azimuth::testing {

Svd svd(const Eigen::MatrixXd& M) {
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(M, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {svd.matrixU(), svd.singularValues(), svd.matrixV()};
}

Eigenpairs eigenpairs(const Eigen::MatrixXd& M) {
  const Eigen::EigenSolver<Eigen::MatrixXd> solver(M);
  return {solver.eigenvalues(), solver.eigenvectors()};
}

Eigen::MatrixXd orthogonal_factor(const Eigen::MatrixXd& M) {
  return Eigen::HouseholderQR<Eigen::MatrixXd>(M).householderQ();
}

Eigen::MatrixXd inverse(const Eigen::MatrixXd& M) { return M.inverse(); }

Eigen::MatrixXd solve(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B) {
  return A.llt().solve(B);
}

}  // namespace azimuth::testing
