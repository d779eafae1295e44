#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "azimuth/observation.h"
#include "azimuth/signature.h"

namespace azimuth {

/// The directions of one snapshot, kept so that later ones can be compared with the same stage.
struct PastDirections {
  std::int64_t step = 0;
  double noise_floor_degrees = kNotApplicable;
  std::vector<float> direction;            ///< of the primary stage, or provisional; empty: none
  std::vector<std::vector<float>> stages;  ///< of every stage, in order
};

/// The step of a base in a window: before the first step of the run.
inline constexpr std::int64_t kBeforeFirstStep = std::numeric_limits<std::int64_t>::min();

PastDirections directions_of(const Observation& observation);
PastDirections directions_of(const Signature& signature);

/// Angle in degrees between the same stage now and then: the stage of `then` nearest to the primary
/// direction of `now`, if within 30°; else, where the primary stage of `then` is still among the
/// stages of `now`, the angle between those two (the primary has changed, the direction has not);
/// else the angle between the two primary directions. NaN where either has no direction.
double same_stage_angle(const PastDirections& now, const PastDirections& then);

struct StageMatch {
  std::size_t index = 0;
  double degrees = 0;
};

/// The stage nearest to `direction`, if there is one within `kSameStageDegrees`.
std::optional<StageMatch> nearest_stage(std::span<const float> direction,
                                        const std::vector<std::vector<float>>& stages);

/// What the primary stage is chosen by: the sum over its blocks of the logarithm of `ratio_max`
/// (docs/method.md, 2). NaN where `blocks`, from block 0, do not reach so far.
double stage_score(const StageObservation& stage, std::span<const BlockObservation> blocks);

}  // namespace azimuth
