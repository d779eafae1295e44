#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <vector>

#include "azimuth/architecture.h"

namespace azimuth {

/// How much of each token goes to each expert. For float and double.
template <class Scalar>
class Shares {
 public:
  using Columns = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

  /// `logits` are what the router gives: experts × tokens; `choice_bias` is empty, or one an
  /// expert. Where they are not finite the token goes to all experts, with shares that are not.
  Shares(const Routing& routing, const Eigen::VectorXf& choice_bias, const Columns& logits);

  /// The tokens that go to an expert, ascending.
  std::vector<Eigen::Index> tokens_of(std::size_t expert) const;
  /// Their shares of it, a row.
  Columns of(std::size_t expert, const std::vector<Eigen::Index>& tokens) const;

 private:
  Columns shares_;  // experts × tokens
};

}  // namespace azimuth
