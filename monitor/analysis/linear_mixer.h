#pragma once

#include <Eigen/Core>

#include "analysis/ffn_fit.h"
#include "azimuth/mixers.h"

namespace azimuth {

/// The linear approximation of what a mixer writes, as products of its stored matrices
/// (docs/method.md, 3): of attention `A = N' W_O diag(g) rep(W_V) N`, of an FFN `F = N' W_D F̂ N`,
/// where g is its gate, held at its mean over given states, and N is diag(w), behind the centring
/// matrix I − 11ᵀ/d for a layer norm, and I where there is none; w is 1 in a norm without a weight.
/// Biases, and a limit to values, are no part of it. Keeps references to what it is made from.
class LinearMixer {
 public:
  /// Fits an FFN, which costs one reading of its inner matrices. `states` are those that a gate is
  /// held at, a column each: at least one where attention has one. Not for mixtures of experts, nor
  /// for what keeps a state over tokens.
  LinearMixer(const Mixer& mixer, const Eigen::MatrixXd& states, Workers& workers);

  bool beside() const { return mixer_->beside; }
  const Mixer& mixer() const { return *mixer_; }

  // For float and double.
  template <class Scalar>
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  template <class Scalar>
  Matrix<Scalar> apply(const Matrix<Scalar>& X, Workers& workers) const;
  template <class Scalar>
  Matrix<Scalar> apply_transpose(const Matrix<Scalar>& Y, Workers& workers) const;

 private:
  const Mixer* mixer_;
  FfnFit fit_;            // of an FFN
  Eigen::VectorXd gate_;  // of attention; empty: it has none
};

}  // namespace azimuth
