#include "azimuth/absence.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace azimuth {

LargestRatio largest_ratio(const Observation& observation) {
  const StageObservation* stage = primary_stage(observation);
  LargestRatio largest = {.ratio = peak_ratio(observation)};
  const BlockObservation* where = nullptr;
  for (const BlockObservation& block : observation.blocks) {
    if (block.block < (stage != nullptr ? stage->first_block : 1)) continue;
    if (stage != nullptr && block.block > stage->last_block) continue;
    if (std::isnan(block.ratio_max)) continue;
    if (where == nullptr || block.ratio_max > where->ratio_max) where = &block;
  }
  if (where == nullptr) return largest;
  largest.block = where->block;
  const auto longest = std::ranges::max_element(where->norms);
  const auto token = static_cast<std::size_t>(longest - where->norms.begin());
  const auto& ids = observation.probe.token_ids;
  if (token < where->norms.size() && token < ids.size()) largest.token_id = ids[token];
  return largest;
}

std::string largest_ratio_text(const Observation& observation) {
  const LargestRatio largest = largest_ratio(observation);
  if (!std::isfinite(largest.ratio)) return {};
  char number[32];
  std::snprintf(number, sizeof number, "%.3g", largest.ratio);
  std::string text = "the largest norm ratio is " + std::string(number);
  if (observation.probe.reference == ReferenceNorm::activations) text += " against activations";
  if (largest.block >= 0) text += ", at block " + std::to_string(largest.block);
  if (largest.token_id >= 0) text += ", of token " + std::to_string(largest.token_id);
  return text;
}

std::string absence_text(const Observation& observation) {
  if (observation.primary_stage >= 0) return {};
  if (!std::ranges::all_of(observation.blocks, has_finite_norms)) return {};
  const std::string largest = largest_ratio_text(observation);
  return "ABSENT: no token is high-norm" + (largest.empty() ? "" : "; " + largest);
}

std::string absence_text(const Signature& signature) {
  Observation same;
  same.blocks = signature.blocks;
  same.probe = signature.probe;
  same.primary_stage = signature.primary_stage;
  return absence_text(same);
}

}  // namespace azimuth
