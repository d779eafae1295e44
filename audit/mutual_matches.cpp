#include "mutual_matches.h"

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

}  // namespace

std::vector<MutualMatch> mutual_matches(const Eigen::Ref<const Eigen::MatrixXf>& similarities) {
  std::vector<Largest> of_row(static_cast<std::size_t>(similarities.rows()));
  std::vector<Largest> of_column(static_cast<std::size_t>(similarities.cols()));
  for (Eigen::Index column = 0; column < similarities.cols(); ++column) {
    const float* const values = similarities.col(column).data();
    Largest largest;
    for (std::size_t row = 0; row < of_row.size(); ++row) {
      largest.offer(values[row], static_cast<std::int64_t>(row));
      of_row[row].offer(values[row], column);
    }
    of_column[static_cast<std::size_t>(column)] = largest;
  }
  std::vector<MutualMatch> matches;
  for (std::size_t row = 0; row < of_row.size(); ++row) {
    if (!of_row[row].alone()) continue;
    const Largest& back = of_column[static_cast<std::size_t>(of_row[row].at)];
    if (!back.alone() || back.at != static_cast<std::int64_t>(row)) continue;
    matches.push_back({of_row[row].at, back.at, back.value});
  }
  return matches;
}

}  // namespace azimuth
