#include "analysis/routing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace azimuth {

template <class Scalar>
Shares<Scalar>::Shares(const Routing& routing, const Columns& logits)
    : shares_(Columns::Zero(logits.rows(), logits.cols())) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(logits.rows()));
  for (Eigen::Index token = 0; token < logits.cols(); ++token) {
    if (!logits.col(token).allFinite()) {
      shares_.col(token).setConstant(std::numeric_limits<Scalar>::quiet_NaN());
      continue;
    }
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::greater(), [&](auto e) { return logits(e, token); });
    const Scalar best = logits(order.front(), token);
    Scalar sum = 0;
    for (std::int64_t i = 0; i < routing.experts_per_token; ++i) {
      const Eigen::Index expert = order[static_cast<std::size_t>(i)];
      sum += shares_(expert, token) = std::exp(logits(expert, token) - best);
    }
    shares_.col(token) /= sum;
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
std::vector<Scalar> Shares<Scalar>::of(std::size_t expert,
                                       const std::vector<Eigen::Index>& tokens) const {
  std::vector<Scalar> shares;
  for (const Eigen::Index token : tokens) {
    shares.push_back(shares_(static_cast<Eigen::Index>(expert), token));
  }
  return shares;
}

template class Shares<float>;
template class Shares<double>;

}  // namespace azimuth
