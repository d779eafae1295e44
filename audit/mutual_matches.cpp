#include "mutual_matches.h"

#include <algorithm>
#include <limits>

namespace azimuth {
namespace {

// Cosines that differ by less may be equal ones, differently rounded.
constexpr float kTie = 1e-6f;

struct Largest {
  float value = -std::numeric_limits<float>::infinity();
  float second = -std::numeric_limits<float>::infinity();
  std::int64_t at = -1;

  void offer(float candidate, std::int64_t index) {
    if (candidate > value) {
      second = value;
      value = candidate;
      at = index;
    } else if (candidate > second) {
      second = candidate;
    }
  }
  bool alone() const { return at >= 0 && value - second > kTie; }
};

/// Whether in its row none comes as close as kTie to that at `at`. Looks no further than the first
/// that does: a row does not lie together in memory.
bool alone_in_row(const Eigen::Ref<const Eigen::MatrixXf>& similarities, Eigen::Index row,
                  Eigen::Index at) {
  for (Eigen::Index column = 0; column < similarities.cols(); ++column) {
    if (column == at) continue;
    if (similarities(row, at) - similarities(row, column) <= kTie) return false;
  }
  return true;
}

}  // namespace

std::vector<MutualMatch> mutual_matches(const Eigen::Ref<const Eigen::MatrixXf>& similarities) {
  std::vector<MutualMatch> matches;
  for (Eigen::Index column = 0; column < similarities.cols(); ++column) {
    const float* const values = similarities.col(column).data();
    Largest largest;
    for (Eigen::Index row = 0; row < similarities.rows(); ++row) largest.offer(values[row], row);
    if (!largest.alone() || !alone_in_row(similarities, largest.at, column)) continue;
    matches.push_back({.base = column, .release = largest.at, .similarity = largest.value});
  }
  std::ranges::sort(matches, {}, &MutualMatch::release);
  return matches;
}

}  // namespace azimuth
