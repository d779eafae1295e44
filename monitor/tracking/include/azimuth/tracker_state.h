#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "azimuth/observation.h"
#include "azimuth/same_stage.h"

namespace azimuth {

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
