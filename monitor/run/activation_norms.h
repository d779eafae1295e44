#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace azimuth {

/// Norms of real hidden states that a training loop has tapped. Not thread-safe.
class ActivationNorms {
 public:
  /// Hidden states after `block`, hidden_size × tokens. What is not finite is passed over.
  void tap(std::int32_t block, const Eigen::Ref<const Eigen::MatrixXf>& hidden_states);

  /// The median norm by block from 0, as it was when the embedding and all `blocks` had last been
  /// tapped: for `kTapAge` snapshots after that one, so that who taps now and then has one
  /// reference. Else empty.
  std::vector<double> take(std::size_t blocks);

  static constexpr int kTapAge = 10;

 private:
  std::map<std::int32_t, double> medians_;  // since the last whole set
  std::vector<double> whole_;
  int age_ = 0;  // snapshots since `whole_` was new
};

}  // namespace azimuth
