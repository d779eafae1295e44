#pragma once

#include <Eigen/Core>
#include <cstdint>

namespace azimuth {

/// Orthonormal vectors, one after the other: what the Lanczos and Arnoldi iterations grow.
class KrylovBasis {
 public:
  explicit KrylovBasis(Eigen::Index size) : size_(size), vectors_(size, 0) {}

  Eigen::Index count() const { return count_; }
  auto vectors() const { return vectors_.leftCols(count_); }
  auto back() const { return vectors_.col(count_ - 1); }

  /// Takes out of `x` what lies in the basis, twice, since once leaves too much by rounding.
  /// Returns the coefficients taken out.
  Eigen::VectorXd orthogonalise(Eigen::VectorXd& x) const {
    Eigen::VectorXd coefficients = vectors().transpose() * x;
    x -= vectors() * coefficients;
    const Eigen::VectorXd rest = vectors().transpose() * x;
    x -= vectors() * rest;
    return coefficients + rest;
  }

  /// Adds `x`, which must be orthogonal to the basis and not zero.
  void add(const Eigen::VectorXd& x) {
    constexpr Eigen::Index kGrowth = 16;
    if (count_ == vectors_.cols()) vectors_.conservativeResize(size_, count_ + kGrowth);
    vectors_.col(count_++) = x.normalized();
  }

  /// A random vector, the same in every run, orthogonal to the basis: how an iteration goes on
  /// whose space is exhausted.
  Eigen::VectorXd fresh() const;

 private:
  Eigen::Index size_;
  Eigen::Index count_ = 0;
  Eigen::MatrixXd vectors_;
};

/// A unit vector of independent Gaussian coordinates, the same in every run.
Eigen::VectorXd random_direction(Eigen::Index size, std::uint64_t seed);

}  // namespace azimuth
