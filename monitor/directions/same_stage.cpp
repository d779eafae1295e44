#include "azimuth/same_stage.h"

#include <cmath>

#include "azimuth/angle.h"
#include "azimuth/thresholds.h"

namespace azimuth {

std::optional<StageMatch> nearest_stage(std::span<const float> direction,
                                        const std::vector<std::vector<float>>& stages) {
  std::optional<StageMatch> nearest;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const double angle = angle_degrees(direction, stages[i]);
    if (angle <= kSameStageDegrees && (!nearest || angle < nearest->degrees)) {
      nearest = StageMatch{i, angle};
    }
  }
  return nearest;
}

double same_stage_angle(const PastDirections& now, const PastDirections& then) {
  if (const auto match = nearest_stage(now.direction, then.stages)) return match->degrees;
  if (const auto match = nearest_stage(then.direction, now.stages)) return match->degrees;
  return angle_degrees(now.direction, then.direction);
}

double stage_score(const StageObservation& stage, std::span<const BlockObservation> blocks) {
  const auto end = static_cast<std::int64_t>(blocks.size());
  if (stage.first_block < 0 || stage.last_block >= end) return kNotApplicable;
  double sum = 0;
  for (std::int32_t l = stage.first_block; l <= stage.last_block; ++l) {
    sum += std::log(blocks[static_cast<std::size_t>(l)].ratio_max);
  }
  return sum;
}

namespace {

PastDirections directions_of(const std::vector<StageObservation>& stages,
                             const std::vector<float>& direction) {
  PastDirections directions;
  directions.direction = direction;
  for (const StageObservation& stage : stages) directions.stages.push_back(stage.direction);
  return directions;
}

}  // namespace

PastDirections directions_of(const Observation& observation) {
  PastDirections directions = directions_of(observation.stages, observation.direction);
  directions.step = observation.step;
  return directions;
}

PastDirections directions_of(const Signature& signature) {
  PastDirections directions = directions_of(signature.stages, signature.direction);
  directions.step = kBeforeFirstStep;
  directions.noise_floor_degrees = signature.noise_floor_degrees;
  return directions;
}

}  // namespace azimuth
