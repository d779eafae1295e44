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

  /// `logits` are what the router gives: experts × tokens. Those of a token that are not finite
  /// send it to all experts, with shares that are not.
  Shares(const Routing& routing, const Columns& logits);

  /// The tokens that go to an expert, ascending.
  std::vector<Eigen::Index> tokens_of(std::size_t expert) const;
  std::vector<Scalar> of(std::size_t expert, const std::vector<Eigen::Index>& tokens) const;

 private:
  Columns shares_;  // experts × tokens
};

}  // namespace azimuth
