#include <cmath>
#include <vector>

#include "analysis/feed_forward.h"
#include "analysis/multiply.h"
#include "analysis/repeat_heads.h"
#include "azimuth/analysis.h"
#include "model/normalise.h"

namespace azimuth {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

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
  return multiply(*block.output, block.output_bias, repeat_heads(a, weights.head_size(), V),
                  workers);
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
                                       Progress* progress) {
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
    next_part(progress);
    const Matrix<Scalar> initial = X.leftCols(k);
    const Matrix<Scalar> attended = normalise<Scalar>(
        architecture, block.attention_output_norm,
        attention<Scalar>(weights, block,
                          normalise<Scalar>(architecture, block.attention_norm, initial), workers));
    if (!architecture.parallel) X.leftCols(k) += attended;
    X += block_feed_forward<Scalar>(architecture, block, X, workers);
    if (architecture.parallel) X.leftCols(k) += attended;
    record();
  }
  return states;
}

template struct HiddenStates<float>;
template struct HiddenStates<double>;
template HiddenStates<float> single_token_pass<float>(const ModelWeights&,
                                                      std::span<const std::int64_t>, Workers&,
                                                      Progress*);
template HiddenStates<double> single_token_pass<double>(const ModelWeights&,
                                                        std::span<const std::int64_t>, Workers&,
                                                        Progress*);

}  // namespace azimuth
