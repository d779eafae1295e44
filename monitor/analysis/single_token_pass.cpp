#include <vector>

#include "analysis/mixer_output.h"
#include "azimuth/analysis.h"

namespace azimuth {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

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
  // The first k columns are the initial tokens, the last k the same tokens without attention: both
  // passes multiply with a block's FFN at once.
  const auto k = static_cast<Eigen::Index>(token_ids.size());
  std::vector<std::int64_t> twice(token_ids.begin(), token_ids.end());
  twice.insert(twice.end(), token_ids.begin(), token_ids.end());
  Pass<Scalar> pass(weights, twice, k, workers);

  HiddenStates<Scalar> states;
  const auto record = [&] {
    const Matrix<Scalar>& X = pass.hidden_states();
    states.initial.push_back(X.leftCols(k));
    states.zero_attention_norms.push_back(
        X.rightCols(k).template cast<double>().colwise().norm().transpose());
  };
  record();
  for (const BlockWeights& block : weights.blocks()) {
    next_part(progress);
    states.expert_products += pass.run(block);
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
