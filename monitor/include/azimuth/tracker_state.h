#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "azimuth/observation.h"

namespace azimuth {

/// The directions of one snapshot, kept so that later ones can be compared with the same stage.
struct PastDirections {
  std::int64_t step = 0;
  double noise_floor_degrees = kNotApplicable;
  std::vector<float> direction;            ///< of the primary stage, or provisional; empty: none
  std::vector<std::vector<float>> stages;  ///< of every stage, in order
};

/// All that a tracker remembers from one observation to the next. Stored beside every observation,
/// so that a run that was killed goes on where it was.
struct TrackerState {
  State state = State::unspecified;
  std::int64_t state_since_step = 0;
  /// The window, oldest first; the last one belongs to the newest snapshot.
  std::vector<PastDirections> window;
  /// Without a base: the directions at which `STABLE` was last entered.
  std::optional<PastDirections> anchor;
  /// By block from 0: the probe tokens (indices) that were high-norm, for the hysteresis.
  std::vector<std::vector<std::int32_t>> high_norm_tokens;
  double noise_floor_degrees = kNotApplicable;  ///< of this run's own directions
};

}  // namespace azimuth
