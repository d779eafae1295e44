#include "analysis/krylov_basis.h"

#include <bit>

namespace azimuth {

// Not std::normal_distribution, whose numbers differ from library to library.
Eigen::VectorXd random_direction(Eigen::Index size, std::uint64_t seed) {
  Eigen::VectorXd x(size);
  std::uint64_t state = seed;
  for (double& value : x) {
    state += 0x9e3779b97f4a7c15ull;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    // The number of set bits of 64 is as good as Gaussian here; the uniform number fills the steps.
    value = std::popcount(z) - 32.5 + 0x1p-64 * static_cast<double>(z);
  }
  return x.normalized();
}

Eigen::MatrixXd KrylovBasis::orthogonalise(Eigen::Ref<Eigen::MatrixXd> X) const {
  Eigen::MatrixXd coefficients = vectors().transpose() * X;
  X -= vectors() * coefficients;
  const Eigen::MatrixXd rest = vectors().transpose() * X;
  X -= vectors() * rest;
  return coefficients + rest;
}

Eigen::MatrixXd KrylovBasis::extend(Eigen::MatrixXd X, double negligible) {
  const Eigen::Index before = count_;
  Eigen::MatrixXd R = Eigen::MatrixXd::Zero(X.cols(), X.cols());
  for (Eigen::Index j = 0; j < X.cols(); ++j) {
    // The columns before it are in the basis by now.
    const Eigen::Index row = count_ - before;
    const Eigen::VectorXd within = orthogonalise(X.col(j)).bottomRows(row);
    R.col(j).head(row) = within;
    if (count_ == size_) continue;
    const double length = X.col(j).norm();
    if (length > negligible) {
      R(row, j) = length;
      add(X.col(j));
    } else {
      Eigen::VectorXd fresh = random_direction(size_, static_cast<std::uint64_t>(count_) + 1);
      orthogonalise(fresh);
      add(fresh);
    }
  }
  return R.topRows(count_ - before);
}

}  // namespace azimuth
