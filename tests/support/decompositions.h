#pragma once

#include <Eigen/Core>

/// Eigen's dense decompositions, compiled once: each costs a file that uses it many seconds.
namespace azimuth::testing {

/// `U` and `V` have as many columns as there are singular values, which fall.
struct Svd {
  Eigen::MatrixXd U;
  Eigen::VectorXd sigma;
  Eigen::MatrixXd V;
};
Svd svd(const Eigen::MatrixXd& M);

/// Eigenvectors are columns.
struct Eigenpairs {
  Eigen::VectorXcd values;
  Eigen::MatrixXcd vectors;
};
Eigenpairs eigenpairs(const Eigen::MatrixXd& M);

/// The orthogonal factor of a square matrix.
Eigen::MatrixXd orthogonal_factor(const Eigen::MatrixXd& M);

Eigen::MatrixXd inverse(const Eigen::MatrixXd& M);

/// X, where A X = B and A is positive definite.
Eigen::MatrixXd solve(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B);

}  // namespace azimuth::testing
