#include "azimuth/observation.h"

#include <algorithm>
#include <cmath>

namespace azimuth {

std::string_view name_of(State state) {
  switch (state) {
    case State::unspecified:
      return "unspecified";
    case State::absent:
      return "absent";
    case State::emerging:
      return "emerging";
    case State::settling:
      return "settling";
    case State::stable:
      return "stable";
    case State::drifting:
      return "drifting";
    case State::changed:
      return "changed";
    case State::nonfinite:
      return "nonfinite";
  }
  return "unspecified";
}

std::string_view name_of(ReferenceNorm reference) {
  return reference == ReferenceNorm::activations ? "activations" : "zero_attention";
}

const StageObservation* primary_stage(const Observation& observation) {
  const auto index = static_cast<std::size_t>(observation.primary_stage);
  return observation.primary_stage >= 0 && index < observation.stages.size()
             ? &observation.stages[index]
             : nullptr;
}

bool has_finite_norms(const BlockObservation& block) {
  return std::isfinite(block.reference_norm) &&
         std::ranges::all_of(block.norms, [](double norm) { return std::isfinite(norm); });
}

double peak_ratio(const Observation& observation) {
  if (const auto* stage = primary_stage(observation)) return stage->peak_ratio;
  double peak = kNotApplicable;
  for (const BlockObservation& block : observation.blocks) {
    if (block.block > 0) peak = std::fmax(peak, block.ratio_max);
  }
  return peak;
}

}  // namespace azimuth
