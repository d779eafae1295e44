#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/ffn_fit.h"
#include "azimuth/mixers.h"

namespace azimuth {

/// The linear approximation of what a mixer writes, as products of its stored matrices
/// (docs/method.md, 3): of attention `A = N' W_O diag(g) rep(W_V) N`, of an FFN `F = N' W_D F̂ N`,
/// of a mixture the sum of its experts', times their shares. N is diag(w), behind the centring
/// matrix I − 11ᵀ/d for a layer norm, and I where there is none; w is 1 in a norm without a weight.
/// What goes by the token is held at its mean over given states: gates, the shares of sinks and of
/// experts, and the length that a norm within attention divides by. Biases, and a limit to values,
/// are no part of it. Keeps references to what it is made from.
class LinearMixer {
 public:
  /// Fits FFNs, which costs one reading of their inner matrices; of a mixture, of those experts
  /// that the states take. `states` are those that it is held at, as the mixer reads them, a column
  /// each, or none.
  LinearMixer(const Mixer& mixer, const Eigen::MatrixXd& states, Workers& workers);

  /// Whether something of it is held, so that it needs states.
  static bool is_held(const Mixer& mixer);

  /// Why there is none, in words; then what follows means nothing. Empty where there is one.
  const std::string& why_not() const { return reason_; }
  /// Those of a mixture that all states take, from 0.
  const std::vector<std::int32_t>& experts() const { return experts_; }

  bool beside() const { return mixer_->beside; }
  const Mixer& mixer() const { return *mixer_; }

  // For float and double.
  template <class Scalar>
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  template <class Scalar>
  Matrix<Scalar> apply(const Matrix<Scalar>& X, Workers& workers) const;
  template <class Scalar>
  Matrix<Scalar> apply_transpose(const Matrix<Scalar>& Y, Workers& workers) const;

  /// What the mixer would write at states `H` if it were linear between its norms, and these what
  /// they are.
  Eigen::MatrixXf output_at(const Eigen::MatrixXf& H, Workers& workers) const;

 private:
  // Between the norms.
  template <class Scalar>
  Matrix<Scalar> inner(const Matrix<Scalar>& Z, Workers& workers) const;
  template <class Scalar>
  Matrix<Scalar> inner_transpose(const Matrix<Scalar>& Z, Workers& workers) const;
  void hold(const Attention& attention, const Eigen::MatrixXd& X, Workers& workers);
  void hold(const LatentAttention& attention, const Eigen::MatrixXd& X, Workers& workers);
  void hold(const FeedForward& ffn, const Eigen::MatrixXd& X, Workers& workers);
  void hold(const Experts& mixture, const Eigen::MatrixXd& X, Workers& workers);
  template <class Work>
  void hold(const Work& work, const Eigen::MatrixXd& X, Workers& workers);

  struct Fitted {
    const FeedForward* ffn;
    FfnFit fit;  // times its share
  };

  const Mixer* mixer_;
  std::string reason_;
  Eigen::VectorXd gate_;      // of attention; empty: nothing is multiplied with what its heads read
  double latent_scale_ = 1;   // of latent attention: what its norm multiplies with
  std::vector<Fitted> ffns_;  // an FFN, or the experts of a mixture
  std::optional<Fitted> shared_;
  std::vector<std::int32_t> experts_;
};

}  // namespace azimuth
