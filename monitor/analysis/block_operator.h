#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/linear_mixer.h"
#include "analysis/linear_operator.h"
#include "azimuth/mixers.h"

namespace azimuth {

/// The linear approximation of a block (docs/method.md, 3) as products of its stored matrices,
/// which are never multiplied with one another: one product with L costs one reading of the block.
/// Of mixers M_1, M_2, ... that write one after the other L = ... (I + M_2)(I + M_1), and of those
/// that read the same state I + M_1 + M_2. Keeps references to what it is made from.
class BlockOperator {
 public:
  /// `states` are those that the approximation is made for, as the block reads them, a column each,
  /// or none: what goes by the token is held there. Fits the FFN, which costs one reading of its
  /// inner matrices.
  BlockOperator(const BlockWeights& block, const Eigen::MatrixXd& states, Workers& workers);
  BlockOperator(const BlockOperator&) = delete;
  BlockOperator& operator=(const BlockOperator&) = delete;

  /// Why there is none of this block, in words; then what follows must not be called. Empty where
  /// there is one.
  const std::string& why_not() const { return reason_; }
  /// The experts, from 0, that all of the states take, of which it is the approximation; ascending.
  const std::vector<std::int32_t>& experts() const { return experts_; }

  // What these return refers to this object.
  LinearOperator ffn() const;       ///< F, of a block that has an FFN or experts
  LinearOperator block() const;     ///< L, whose products are made in float32
  LinearOperator residual() const;  ///< R = L − I

  /// What the block would make of hidden states, a column each, if attention and FFN were linear as
  /// they are in L, and norms what they are.
  Eigen::MatrixXf linear_step(const Eigen::MatrixXf& before) const;

  /// Products with L, R, F or their transposes so far, each of one or several columns.
  std::int64_t products() const { return products_; }

 private:
  template <class Scalar>
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

  template <class Scalar>
  Matrix<Scalar> residual_product(const Matrix<Scalar>& X) const;
  template <class Scalar>
  Matrix<Scalar> residual_transpose_product(const Matrix<Scalar>& Y) const;

  Workers& workers_;
  Eigen::Index size_ = 0;
  const Mixer* ffn_ = nullptr;
  std::string reason_;
  std::vector<std::int32_t> experts_;
  std::vector<LinearMixer> mixers_;
  mutable std::int64_t products_ = 0;
};

}  // namespace azimuth
