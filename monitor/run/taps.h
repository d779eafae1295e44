#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "azimuth/tapped_states.h"

namespace azimuth {

/// Real hidden states that a training loop has tapped. Not thread-safe.
class Taps {
 public:
  /// Those behind `block`, which `states` gives when it is asked, if it is. Where the median norm
  /// is not finite, or asking throws, they are passed over.
  void tap(std::int32_t block, std::function<TappedStates()> states);
  /// The optimizer has made a step: what is tapped after it is of other weights.
  void step() { ++time_; }

  struct Taken {
    /// The median norm by block from 0, as it was when the embedding and all blocks had last been
    /// tapped: for `kTapAge` snapshots after that one, so that who taps now and then has one
    /// reference. Else empty.
    std::vector<double> norms;
    /// The states that these norms are of, by block from 0, where they are new and of one pass: one
    /// block was tapped after the other, and no step lies between. Else empty.
    std::vector<TappedStates> pass;
  };
  Taken take(std::size_t blocks);

  static constexpr int kTapAge = 10;

 private:
  struct Tap {
    std::function<TappedStates()> states;
    std::int64_t time = 0;
  };

  std::map<std::int32_t, Tap> taps_;  // since the last whole set
  std::int64_t time_ = 0;             // counts taps and steps
  std::vector<double> norms_;
  int age_ = 0;  // snapshots since `norms_` were new
};

}  // namespace azimuth
