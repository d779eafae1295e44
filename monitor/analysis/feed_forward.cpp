#include "analysis/feed_forward.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "analysis/multiply.h"
#include "model/activation.h"
#include "model/normalise.h"

namespace azimuth {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

}  // namespace

template <class Scalar>
Matrix<Scalar> feed_forward(const Architecture& architecture, const FfnWeights& weights,
                            const Matrix<Scalar>& X, Workers& workers) {
  Matrix<Scalar> inner = multiply(*weights.up, weights.up_bias, X, workers);
  if (architecture.gated_ffn) {
    Matrix<Scalar> gate = multiply(*weights.gate, weights.gate_bias, X, workers);
    activate(architecture.activation, gate);
    inner.array() *= gate.array();
  } else {
    activate(architecture.activation, inner);
  }
  return multiply(*weights.down, weights.down_bias, inner, workers);
}

namespace {

// The share that each expert has of each token: experts × tokens. The best few by their logits,
// weighted by softmax among themselves.
template <class Scalar>
Matrix<Scalar> route(const Architecture& architecture, const LinearMap& router,
                     const Matrix<Scalar>& X, Workers& workers) {
  const Matrix<Scalar> logits = multiply(router, {}, X, workers);
  Matrix<Scalar> shares = Matrix<Scalar>::Zero(logits.rows(), logits.cols());
  std::vector<Eigen::Index> order(static_cast<std::size_t>(logits.rows()));
  for (Eigen::Index token = 0; token < logits.cols(); ++token) {
    if (!logits.col(token).allFinite()) {
      shares.col(token).setConstant(std::numeric_limits<Scalar>::quiet_NaN());
      continue;
    }
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::greater(), [&](auto e) { return logits(e, token); });
    const Scalar best = logits(order.front(), token);
    Scalar sum = 0;
    for (std::int64_t i = 0; i < architecture.experts_per_token; ++i) {
      const Eigen::Index expert = order[static_cast<std::size_t>(i)];
      sum += shares(expert, token) = std::exp(logits(expert, token) - best);
    }
    shares.col(token) /= sum;
  }
  return shares;
}

// Each expert sees only the tokens that are sent to it.
template <class Scalar>
Matrix<Scalar> mixture(const Architecture& architecture, const BlockWeights& block,
                       const Matrix<Scalar>& X, Workers& workers) {
  const Matrix<Scalar> shares = route(architecture, *block.router, X, workers);
  Matrix<Scalar> Y = Matrix<Scalar>::Zero(X.rows(), X.cols());
  for (std::size_t expert = 0; expert < block.ffn.size(); ++expert) {
    const auto row = static_cast<Eigen::Index>(expert);
    std::vector<Eigen::Index> tokens;
    for (Eigen::Index t = 0; t < X.cols(); ++t) {
      if (shares(row, t) != Scalar{0}) tokens.push_back(t);
    }
    if (tokens.empty()) continue;
    const Matrix<Scalar> out =
        feed_forward<Scalar>(architecture, block.ffn[expert], X(Eigen::all, tokens), workers);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      Y.col(tokens[i]) += shares(row, tokens[i]) * out.col(static_cast<Eigen::Index>(i));
    }
  }
  return Y;
}

}  // namespace

template <class Scalar>
Matrix<Scalar> block_feed_forward(const Architecture& architecture, const BlockWeights& block,
                                  const Matrix<Scalar>& X, Workers& workers) {
  const Matrix<Scalar> Z = normalise<Scalar>(architecture, block.ffn_norm, X);
  return normalise<Scalar>(architecture, block.ffn_output_norm,
                           block.router
                               ? mixture(architecture, block, Z, workers)
                               : feed_forward(architecture, block.ffn.front(), Z, workers));
}

template Matrix<float> feed_forward<float>(const Architecture&, const FfnWeights&,
                                           const Matrix<float>&, Workers&);
template Matrix<double> feed_forward<double>(const Architecture&, const FfnWeights&,
                                             const Matrix<double>&, Workers&);

template Matrix<float> block_feed_forward<float>(const Architecture&, const BlockWeights&,
                                                 const Matrix<float>&, Workers&);
template Matrix<double> block_feed_forward<double>(const Architecture&, const BlockWeights&,
                                                   const Matrix<double>&, Workers&);

}  // namespace azimuth
