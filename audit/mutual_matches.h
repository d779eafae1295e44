#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

namespace azimuth {

/// Two that are each other's nearest.
struct MutualMatch {
  std::int64_t base = 0;     ///< column of the similarities
  std::int64_t release = 0;  ///< their row
  float similarity = 0;
};

/// Of similarities, release × base, the pairs that are largest in their row and in their column, by
/// ascending row. One whose largest is tied with another is left out: the rule must not prefer an
/// index. NaN is never a largest: rows of zeros, which have no direction, are given as such.
std::vector<MutualMatch> mutual_matches(const Eigen::Ref<const Eigen::MatrixXf>& similarities);

}  // namespace azimuth
