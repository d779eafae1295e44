#pragma once

#include <Eigen/Core>
#include <cstdint>

namespace azimuth {

/// Orthonormal vectors, some after others: what the Lanczos and Arnoldi iterations grow.
class KrylovBasis {
 public:
  explicit KrylovBasis(Eigen::Index size) : size_(size), vectors_(size, 0) {}

  Eigen::Index count() const { return count_; }
  auto vectors() const { return vectors_.leftCols(count_); }
  auto back() const { return vectors_.col(count_ - 1); }

  /// Takes out of the columns of `X` what lies in the basis, twice, since once leaves too much by
  /// rounding. Returns the coefficients taken out.
  Eigen::MatrixXd orthogonalise(Eigen::Ref<Eigen::MatrixXd> X) const;

  /// Adds `x`, which must be orthogonal to the basis and not zero.
  void add(const Eigen::VectorXd& x) {
    constexpr Eigen::Index kGrowth = 16;
    if (count_ == vectors_.cols()) vectors_.conservativeResize(size_, count_ + kGrowth);
    vectors_.col(count_++) = x.normalized();
  }

  /// Adds what the columns of `X`, orthogonal to the basis, are made of: X = Q R, where Q is what
  /// is added and R is returned. A column of which less than `negligible` is new adds a random
  /// vector instead, the same in every run, or nothing where the basis fills the space.
  Eigen::MatrixXd extend(Eigen::MatrixXd X, double negligible);

 private:
  Eigen::Index size_;
  Eigen::Index count_ = 0;
  Eigen::MatrixXd vectors_;
};

/// A unit vector of independent Gaussian coordinates, the same in every run.
Eigen::VectorXd random_direction(Eigen::Index size, std::uint64_t seed);

}  // namespace azimuth
