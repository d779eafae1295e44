#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace azimuth {

struct StageMatch {
  std::size_t index = 0;
  double degrees = 0;
};

/// The stage nearest to `direction`, if there is one within `kSameStageDegrees`.
std::optional<StageMatch> nearest_stage(std::span<const float> direction,
                                        const std::vector<std::vector<float>>& stages);

}  // namespace azimuth
