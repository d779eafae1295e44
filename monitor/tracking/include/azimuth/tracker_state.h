#pragma once

#include <cstdint>
#include <optional>
#include <string>
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
  double noise_floor_degrees = kNotApplicable;       ///< of this run's own directions
  std::optional<std::int64_t> last_step;             ///< of the newest snapshot with finite states
  std::optional<std::int64_t> nonfinite_since_step;  ///< while hidden states are not finite
  // Of the newest weights, with the step and the snapshots since which they have been the same.
  std::string fingerprint;
  std::int64_t fingerprint_since_step = 0;
  std::int64_t fingerprint_snapshots = 0;
};

}  // namespace azimuth
