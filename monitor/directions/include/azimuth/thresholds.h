#pragma once

#include <cstdint>

namespace azimuth {

/// A threshold once passed is left only below this share of it, so that nothing flickers about it.
inline constexpr double kHysteresis = 0.8;

/// Directions of neighbouring blocks belong to one stage, and stages of two snapshots are the same
/// one, where they are at most so far apart.
inline constexpr double kSameStageDegrees = 30;

/// Where a token counts as high-norm and a direction as stable (docs/method.md, 2 and 6). Ratios
/// are norm over reference norm; angles are in degrees.
struct Thresholds {
  double emerging_ratio = 2;
  double high_norm_ratio = 10;
  double stable_angle = 2;
  double drift_angle = 5;
  double changed_angle = 30;
  /// Optimizer steps that a full window spans; 0: the span of the last 5 snapshots.
  std::int64_t window_steps = 0;

  /// Throws std::invalid_argument unless 0 < emerging < high_norm and 0 < stable < drift < changed.
  void check() const;
};

}  // namespace azimuth
