#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace azimuth {

/// Norms of real hidden states that a training loop has tapped since the last snapshot. Not
/// thread-safe.
class ActivationNorms {
 public:
  /// Hidden states after `block`, hidden_size × tokens. What is not finite is passed over.
  void tap(std::int32_t block, const Eigen::Ref<const Eigen::MatrixXf>& hidden_states);

  /// The median norm by block from 0, once the embedding and all `blocks` have been tapped: then
  /// they are gone from here. Else empty.
  std::vector<double> take(std::size_t blocks);

 private:
  std::map<std::int32_t, double> medians_;
};

}  // namespace azimuth
