#pragma once

#include <Eigen/Core>
#include <cstdint>

namespace azimuth {

class Workers;

/// One weight matrix, wherever it lives and however it is stored: all that the analysis sees of it.
/// Immutable and safe to use from several threads at once. `X` holds one hidden state (or other
/// vector) a column.
class LinearMap {
 public:
  virtual ~LinearMap() = default;

  virtual std::int64_t rows() const = 0;     ///< length of an output
  virtual std::int64_t columns() const = 0;  ///< length of an input

  /// `Y = W X`, with float32 or float64 products and sums. `Y` must have the right size; it is
  /// overwritten. The second form exists for the noise floor: what float32 itself cannot resolve.
  virtual void apply(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
                     Workers& workers) const = 0;
  virtual void apply(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
                     Workers& workers) const = 0;

  /// `Y = Wᵀ X`.
  virtual void apply_transpose(const Eigen::Ref<const Eigen::MatrixXf>& X,
                               Eigen::Ref<Eigen::MatrixXf> Y, Workers& workers) const = 0;
  virtual void apply_transpose(const Eigen::Ref<const Eigen::MatrixXd>& X,
                               Eigen::Ref<Eigen::MatrixXd> Y, Workers& workers) const = 0;

  /// Rows of the matrix as float32, in host memory: row `first + i` becomes column `i` of `out`,
  /// which is columns() × as many as are wanted.
  virtual void unpack_rows(std::int64_t first, Eigen::Ref<Eigen::MatrixXf> out) const = 0;
};

}  // namespace azimuth
