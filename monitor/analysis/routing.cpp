#include "analysis/routing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace azimuth {
namespace {

template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

template <class Scalar>
std::vector<Eigen::Index> best_first(const Vector<Scalar>& values) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(values.size()));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(), [&](auto i) { return values[i]; });
  return order;
}

// Minus infinity for all that lie outside the best groups.
template <class Scalar>
void keep_best_groups(const Routing& routing, Vector<Scalar>& choice) {
  if (routing.groups == routing.groups_per_token) return;
  const Eigen::Index size = choice.size() / routing.groups;
  Vector<Scalar> groups(routing.groups);
  for (Eigen::Index group = 0; group < groups.size(); ++group) {
    Vector<Scalar> members = choice.segment(group * size, size);
    std::ranges::sort(members, std::greater());
    groups[group] = routing.choice_bias ? members[0] + members[1] : members[0];
  }
  const auto order = best_first(groups);
  for (auto i = static_cast<std::size_t>(routing.groups_per_token); i < order.size(); ++i) {
    choice.segment(order[i] * size, size).setConstant(-std::numeric_limits<Scalar>::infinity());
  }
}

template <class Scalar>
Vector<Scalar> best_shares(const Routing& routing, const Eigen::VectorXf& bias,
                           const Vector<Scalar>& logits) {
  const bool softmax = routing.score == Routing::Score::softmax;
  Vector<Scalar> scores = softmax ? (logits.array() - logits.maxCoeff()).exp().matrix().eval()
                                  : (1 + (-logits.array()).exp()).inverse().matrix().eval();
  if (softmax) scores /= scores.sum();
  // Logits and scores have one order, but logits are not rounded to 1.
  Vector<Scalar> choice = logits;
  if (bias.size() > 0) choice = scores + bias.cast<Scalar>();
  keep_best_groups(routing, choice);
  const auto order = best_first(choice);
  Vector<Scalar> shares = Vector<Scalar>::Zero(logits.size());
  for (std::int64_t i = 0; i < routing.experts_per_token; ++i) {
    const Eigen::Index expert = order[static_cast<std::size_t>(i)];
    shares[expert] = scores[expert];
  }
  if (routing.normalised) shares /= shares.sum() + static_cast<Scalar>(softmax ? 0 : 1e-20);
  return shares * static_cast<Scalar>(routing.scale);
}

template <class Scalar>
Vector<Scalar> sparse_mixer_shares(const Routing& routing, const Vector<Scalar>& logits) {
  Vector<Scalar> shares = Vector<Scalar>::Zero(logits.size());
  const auto order = best_first(logits);
  for (std::size_t i = 0; i < 2; ++i) {
    const Scalar best = logits[order[i]];
    Scalar sum = 0;
    for (auto other = order.begin() + static_cast<std::ptrdiff_t>(i); other != order.end();
         ++other) {
      const Scalar logit = logits[*other];
      const Scalar distance = (best - logit) / std::max(std::abs(logit), best);
      if (!(distance > static_cast<Scalar>(routing.reach))) sum += std::exp(logit - best);
    }
    shares[order[i]] = 1 / sum;
  }
  return shares;
}

}  // namespace

template <class Scalar>
Shares<Scalar>::Shares(const Routing& routing, const Eigen::VectorXf& choice_bias,
                       const Columns& logits)
    : shares_(logits.rows(), logits.cols()) {
  for (Eigen::Index token = 0; token < logits.cols(); ++token) {
    if (!logits.col(token).allFinite() || !choice_bias.allFinite()) {
      shares_.col(token).setConstant(std::numeric_limits<Scalar>::quiet_NaN());
    } else if (routing.score == Routing::Score::sparse_mixer) {
      shares_.col(token) = sparse_mixer_shares<Scalar>(routing, logits.col(token));
    } else {
      shares_.col(token) = best_shares<Scalar>(routing, choice_bias, logits.col(token));
    }
  }
}

template <class Scalar>
std::vector<Eigen::Index> Shares<Scalar>::tokens_of(std::size_t expert) const {
  std::vector<Eigen::Index> tokens;
  for (Eigen::Index token = 0; token < shares_.cols(); ++token) {
    if (shares_(static_cast<Eigen::Index>(expert), token) != Scalar{0}) tokens.push_back(token);
  }
  return tokens;
}

template <class Scalar>
typename Shares<Scalar>::Columns Shares<Scalar>::of(std::size_t expert,
                                                    const std::vector<Eigen::Index>& tokens) const {
  return shares_.row(static_cast<Eigen::Index>(expert))(Eigen::all, tokens);
}

template class Shares<float>;
template class Shares<double>;

}  // namespace azimuth
