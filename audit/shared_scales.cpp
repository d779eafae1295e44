#include "shared_scales.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <span>

namespace azimuth {
namespace {

constexpr Eigen::Index kRun = 16;
constexpr double kMostSteps = 300;  // of 8 bits, and a little
constexpr double kRounding = 0.25;  // of a step

/// Of those that are not zero a quarter or more repeat another, as four bits and less make them.
bool repeat(std::span<const float> sorted) {
  std::int64_t numbers = 0;
  std::int64_t repeated = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] == 0) continue;
    ++numbers;
    if (i > 0 && sorted[i] == sorted[i - 1]) ++repeated;
  }
  return numbers >= kRun / 2 && 4 * repeated >= numbers;
}

/// Whether all lie at whole numbers of `step` above the first. Each corrects what is known of it.
bool on_grid(std::span<const float> sorted, double step) {
  for (const float value : sorted) {
    const double above = double{value} - double{sorted.front()};
    const double steps = std::round(above / step);
    if (std::abs(above / step - steps) > kRounding) return false;
    if (steps > 0) step = above / steps;
  }
  return true;
}

bool on_some_grid(std::span<const float> sorted) {
  const double range = double{sorted.back()} - double{sorted.front()};
  const double least = range / kMostSteps;
  double gap = range;
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    const double between = double{sorted[i]} - double{sorted[i - 1]};
    if (between > least / 2) gap = std::min(gap, between);
  }
  // No two need be one step apart.
  for (int steps = 1; steps <= 4 && gap / steps >= least; ++steps) {
    if (on_grid(sorted, gap / steps)) return true;
  }
  return false;
}

}  // namespace

bool share_scales(const Eigen::MatrixXf& columns) {
  std::int64_t runs = 0;
  std::int64_t coarse = 0;
  for (const auto column : columns.colwise()) {
    for (Eigen::Index first = 0; first + kRun <= column.size(); first += kRun) {
      std::array<float, kRun> run;
      std::ranges::copy(column.segment(first, kRun), run.begin());
      if (!std::ranges::all_of(run, [](float value) { return std::isfinite(value); })) continue;
      std::ranges::sort(run);
      if (run.front() == run.back()) continue;
      ++runs;
      if (repeat(run) || on_some_grid(run)) ++coarse;
    }
  }
  return runs > 0 && 2 * coarse > runs;
}

}  // namespace azimuth
