#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "analysis/multiply.h"
#include "analysis/routing.h"
#include "azimuth/mixers.h"
#include "model/activation.h"
#include "model/normalise.h"

namespace azimuth {

/// The operations that mixers are written over (mix.h), on host memory; a column a token. `Scalar`
/// is float or double: the type of all products and sums.
template <class Scalar>
class HostOperations {
 public:
  using Columns = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

  explicit HostOperations(Workers& workers) : workers_(workers) {}

  Columns product(const Projection& projection, const Columns& X) {
    return multiply(projection, X, workers_);
  }
  Columns normalised(const Norm& norm, const Columns& X) { return normalise<Scalar>(norm, X); }
  void activate(Activation activation, Columns& X) { azimuth::activate(activation, X); }
  void clamp(Columns& X, double low, double high) {
    X = X.cwiseMax(static_cast<Scalar>(low)).cwiseMin(static_cast<Scalar>(high));
  }
  void sigmoid(Columns& X) { X = (1 + (-X.array()).exp()).inverse().matrix(); }
  /// Number by number.
  void multiply_by(Columns& X, const Columns& Y) { X.array() *= Y.array(); }
  Columns zeros_like(const Columns& X) { return Columns::Zero(X.rows(), X.cols()); }

  /// Every run of `size` rows `times` times, one after the other: KV heads, for the heads that
  /// share them.
  Columns repeated(const Columns& X, Eigen::Index size, Eigen::Index times) {
    if (times == 1) return X;
    Columns Y(X.rows() * times, X.cols());
    for (Eigen::Index run = 0; run < Y.rows() / size; ++run) {
      Y.middleRows(run * size, size) = X.middleRows(run / times * size, size);
    }
    return Y;
  }

  Shares<Scalar> shares(const Routing& routing, const Eigen::VectorXf& choice_bias,
                        const Columns& logits) {
    return Shares<Scalar>(routing, choice_bias, logits);
  }
  Columns columns(const Columns& X, const std::vector<Eigen::Index>& tokens) {
    return X(Eigen::all, tokens);
  }
  /// Each token with its factor, of which there is a row.
  void scale(Columns& X, const Columns& factors) { X.array().rowwise() *= factors.row(0).array(); }
  void add(Columns& Y, const Columns& Z) { Y += Z; }
  /// Adds to each of these tokens its column of `Z`.
  void add_to(Columns& Y, const std::vector<Eigen::Index>& tokens, const Columns& Z) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      Y.col(tokens[i]) += Z.col(static_cast<Eigen::Index>(i));
    }
  }

 private:
  Workers& workers_;
};

}  // namespace azimuth
