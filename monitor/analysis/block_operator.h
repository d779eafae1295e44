#pragma once

#include <Eigen/Core>
#include <cstdint>

#include "analysis/ffn_fit.h"
#include "analysis/linear_operator.h"
#include "azimuth/model_weights.h"

namespace azimuth {

/// The linear approximation of a block (docs/method.md, 3) as products of its stored matrices,
/// which are never multiplied with one another: one product with L costs one reading of the block.
///
///     A = N_1' W_O repeat(W_V) N_1      F = N_2' W_D F̂ N_2      L = (I + F)(I + A) or I + A + F
///
/// where N is diag(w), behind the centring matrix I − 11ᵀ/d in a LayerNorm model, and I where a
/// block has no such norm. Biases, and a limit to what attention reads, are no part of it. Does not
/// apply to a mixture of experts. Keeps references to what it is made from.
class BlockOperator {
 public:
  /// Fits the FFN, which costs one reading of its inner matrices.
  BlockOperator(const ModelWeights& weights, const BlockWeights& block, Workers& workers);
  BlockOperator(const BlockOperator&) = delete;
  BlockOperator& operator=(const BlockOperator&) = delete;

  // What these return refers to this object.
  LinearOperator ffn() const;       ///< F
  LinearOperator block() const;     ///< L, whose products are made in float32
  LinearOperator residual() const;  ///< R = L − I

  /// Products with L, R, F or their transposes so far, each of one or several columns.
  std::int64_t products() const { return products_; }

 private:
  template <class Scalar>
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

  template <class Scalar>
  Matrix<Scalar> scale(const Norm& norm, Matrix<Scalar> X) const;
  template <class Scalar>
  Matrix<Scalar> scale_transpose(const Norm& norm, Matrix<Scalar> X) const;
  template <class Scalar>
  Matrix<Scalar> attention_product(const Matrix<Scalar>& X) const;
  template <class Scalar>
  Matrix<Scalar> attention_transpose_product(const Matrix<Scalar>& Y) const;
  template <class Scalar>
  Matrix<Scalar> ffn_product(const Matrix<Scalar>& X) const;
  template <class Scalar>
  Matrix<Scalar> ffn_transpose_product(const Matrix<Scalar>& Y) const;
  template <class Scalar>
  Matrix<Scalar> residual_product(const Matrix<Scalar>& X) const;
  template <class Scalar>
  Matrix<Scalar> residual_transpose_product(const Matrix<Scalar>& Y) const;

  const ModelWeights& weights_;
  const BlockWeights& block_;
  Workers& workers_;
  FfnFit fit_;
  mutable std::int64_t products_ = 0;
};

}  // namespace azimuth
