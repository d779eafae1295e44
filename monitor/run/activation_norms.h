#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace azimuth {

/// Norms of real hidden states that a training loop has tapped. Not thread-safe.
class ActivationNorms {
 public:
  /// The median norm after `block`, which `median` gives when it is asked, if it is. One that is
  /// not finite, or throws, is passed over.
  void tap(std::int32_t block, std::function<double()> median);

  /// The median norm by block from 0, as it was when the embedding and all `blocks` had last been
  /// tapped: for `kTapAge` snapshots after that one, so that who taps now and then has one
  /// reference. Else empty.
  std::vector<double> take(std::size_t blocks);

  static constexpr int kTapAge = 10;

 private:
  std::map<std::int32_t, std::function<double()>> medians_;  // since the last whole set
  std::vector<double> whole_;
  int age_ = 0;  // snapshots since `whole_` was new
};

}  // namespace azimuth
