#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

#include "azimuth/analysis.h"
#include "model/normalise.h"

namespace azimuth {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

template <class Scalar>
Matrix<Scalar> multiply(const LinearMap& map, const Eigen::VectorXf& bias, const Matrix<Scalar>& X,
                        Workers& workers) {
  Matrix<Scalar> Y(map.rows(), X.cols());
  map.apply(X, Y, workers);
  if (bias.size() > 0) Y.colwise() += bias.template cast<Scalar>();
  return Y;
}

// The array's exp and tanh are vectorised by Eigen in float32; in float64 accuracy is the point.
template <class Scalar>
void activate(Activation activation, Matrix<Scalar>& X) {
  auto x = X.array();
  switch (activation) {
    case Activation::silu:
      x = x / (Scalar{1} + (-x).exp());
      return;
    case Activation::relu:
      x = x.max(Scalar{0});
      return;
    case Activation::gelu_tanh: {
      const auto scale = static_cast<Scalar>(std::sqrt(2 / std::numbers::pi));
      x = Scalar{0.5} * x * (Scalar{1} + (scale * (x + Scalar(0.044715) * x.cube())).tanh());
      return;
    }
    case Activation::gelu: {
      const auto scale = static_cast<Scalar>(1 / std::numbers::sqrt2);
      x = x.unaryExpr(
          [scale](Scalar v) { return Scalar{0.5} * v * (Scalar{1} + std::erf(v * scale)); });
      return;
    }
  }
}

// Softmax over one key is 1: attention is W_O · repeat(W_V x + b_V) + b_O.
template <class Scalar>
Matrix<Scalar> attention(const ModelWeights& weights, const BlockWeights& block,
                         const Matrix<Scalar>& X, Workers& workers) {
  const Architecture& a = weights.architecture();
  Matrix<Scalar> V = multiply(*block.value, block.value_bias, X, workers);
  if (a.qkv_clip > 0) {
    const auto clip = static_cast<Scalar>(a.qkv_clip);
    V = V.cwiseMax(-clip).cwiseMin(clip);
  }
  if (a.heads == a.kv_heads) return multiply(*block.output, block.output_bias, V, workers);
  const std::int64_t size = weights.head_size();
  const std::int64_t repeats = a.heads / a.kv_heads;
  Matrix<Scalar> repeated(a.heads * size, V.cols());
  for (std::int64_t head = 0; head < a.heads; ++head) {
    repeated.middleRows(head * size, size) = V.middleRows(head / repeats * size, size);
  }
  return multiply(*block.output, block.output_bias, repeated, workers);
}

template <class Scalar>
Matrix<Scalar> ffn(const Architecture& architecture, const FfnWeights& weights,
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

// The FFN of a block; of a mixture, each expert sees only the tokens that are sent to it.
template <class Scalar>
Matrix<Scalar> ffn(const Architecture& architecture, const BlockWeights& block,
                   const Matrix<Scalar>& X, Workers& workers) {
  if (!block.router) return ffn(architecture, block.ffn.front(), X, workers);
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
        ffn<Scalar>(architecture, block.ffn[expert], X(Eigen::all, tokens), workers);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      Y.col(tokens[i]) += shares(row, tokens[i]) * out.col(static_cast<Eigen::Index>(i));
    }
  }
  return Y;
}

}  // namespace

template <class Scalar>
bool HiddenStates<Scalar>::finite() const {
  for (const auto& states : initial) {
    if (!states.allFinite()) return false;
  }
  for (const auto& norms : zero_attention_norms) {
    if (!norms.allFinite()) return false;
  }
  return true;
}

template <class Scalar>
HiddenStates<Scalar> single_token_pass(const ModelWeights& weights,
                                       std::span<const std::int64_t> token_ids, Workers& workers,
                                       const CancelCheck& cancelled) {
  const Architecture& architecture = weights.architecture();
  const Matrix<Scalar> embedded = weights.embed(token_ids).template cast<Scalar>();
  const Eigen::Index k = embedded.cols();

  // The first k columns are the initial tokens, the last k the same tokens without attention: both
  // passes multiply with a block's FFN at once.
  Matrix<Scalar> X(embedded.rows(), 2 * k);
  X << embedded, embedded;

  HiddenStates<Scalar> states;
  const auto record = [&] {
    states.initial.push_back(X.leftCols(k));
    states.zero_attention_norms.push_back(
        X.rightCols(k).template cast<double>().colwise().norm().transpose());
  };
  record();
  for (const BlockWeights& block : weights.blocks()) {
    if (cancelled && cancelled()) throw Cancelled();
    const Matrix<Scalar> initial = X.leftCols(k);
    const Matrix<Scalar> attended = normalise<Scalar>(
        architecture, block.attention_output_norm,
        attention<Scalar>(weights, block,
                          normalise<Scalar>(architecture, block.attention_norm, initial), workers));
    if (!architecture.parallel) X.leftCols(k) += attended;
    X +=
        normalise<Scalar>(architecture, block.ffn_output_norm,
                          ffn<Scalar>(architecture, block,
                                      normalise<Scalar>(architecture, block.ffn_norm, X), workers));
    if (architecture.parallel) X.leftCols(k) += attended;
    record();
  }
  return states;
}

template struct HiddenStates<float>;
template struct HiddenStates<double>;
template HiddenStates<float> single_token_pass<float>(const ModelWeights&,
                                                      std::span<const std::int64_t>, Workers&,
                                                      const CancelCheck&);
template HiddenStates<double> single_token_pass<double>(const ModelWeights&,
                                                        std::span<const std::int64_t>, Workers&,
                                                        const CancelCheck&);

}  // namespace azimuth
