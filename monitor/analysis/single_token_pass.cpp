#include <cmath>
#include <numbers>
#include <type_traits>

#include "azimuth/analysis.h"

namespace azimuth {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

template <class Scalar>
Matrix<Scalar> normalise(const Architecture& architecture, const Norm& norm,
                         const Matrix<Scalar>& X) {
  Matrix<Scalar> Y = X;
  if (architecture.norm == NormKind::layer) Y.rowwise() -= X.colwise().mean().eval();
  const auto epsilon = static_cast<Scalar>(architecture.norm_epsilon);
  for (Eigen::Index i = 0; i < Y.cols(); ++i) {
    const Scalar mean_square = Y.col(i).squaredNorm() / static_cast<Scalar>(Y.rows());
    Y.col(i) /= std::sqrt(mean_square + epsilon);
  }
  Y.array().colwise() *= norm.weight.template cast<Scalar>().array();
  if (norm.bias.size() > 0) Y.colwise() += norm.bias.template cast<Scalar>();
  return Y;
}

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
  const Matrix<Scalar> V = multiply(*block.value, block.value_bias, X, workers);
  const Architecture& a = weights.architecture();
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
Matrix<Scalar> ffn(const Architecture& architecture, const BlockWeights& block,
                   const Matrix<Scalar>& X, Workers& workers) {
  Matrix<Scalar> inner = multiply(*block.up, block.up_bias, X, workers);
  if (architecture.gated_ffn) {
    Matrix<Scalar> gate = multiply(*block.gate, {}, X, workers);
    activate(architecture.activation, gate);
    inner.array() *= gate.array();
  } else {
    activate(architecture.activation, inner);
  }
  return multiply(*block.down, block.down_bias, inner, workers);
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
    X.leftCols(k) += attention<Scalar>(
        weights, block, normalise<Scalar>(architecture, block.attention_norm, initial), workers);
    X += ffn<Scalar>(architecture, block, normalise<Scalar>(architecture, block.ffn_norm, X),
                     workers);
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
