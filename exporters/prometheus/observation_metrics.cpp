#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "azimuth/absence.h"
#include "azimuth/median.h"
#include "run_metrics.h"

namespace azimuth {
namespace {

void add_direction(MetricFamilies& families, const Observation& o) {
  families.begin_gauge(
      "azimuth_direction_angle_degrees",
      "Angle between the high-norm direction and a reference, in degrees from 0 to "
      "90.");
  for (const auto& angle : o.angles) families.add(angle.degrees, {{"reference", angle.reference}});
  families.begin_gauge("azimuth_direction_noise_floor_degrees",
                       "Smallest angle to a reference that the method resolves, in degrees.");
  for (const auto& angle : o.angles) {
    families.add(angle.noise_floor_degrees, {{"reference", angle.reference}});
  }
  families.begin_gauge("azimuth_direction_state",
                       "1 for the state that the high-norm direction is in, 0 for the others.");
  if (o.state != State::unspecified) {
    for (const State state : kStates) {
      families.add(state == o.state ? 1 : 0, {{"state", std::string(name_of(state))}});
    }
  }
  families.gauge(
      "azimuth_direction_norm_ratio",
      "Largest ratio of a hidden state's norm to the reference norm, in the primary stage "
      "or, without a stage, in the model.",
      peak_ratio(o));
  const LargestRatio largest = largest_ratio(o);
  families.begin_gauge("azimuth_direction_peak_block", "Block after which that ratio is found.");
  if (largest.block >= 0) families.add(largest.block);
  families.begin_gauge("azimuth_direction_peak_token_id",
                       "Id of the probe's token whose hidden state has that ratio.");
  if (largest.token_id >= 0) families.add(static_cast<double>(largest.token_id));
  families.gauge(
      "azimuth_direction_base_absent",
      "1 if the run has a base in which no token is high-norm, so that there is no angle "
      "to it, else 0.",
      o.base_absent ? 1 : 0);

  const auto* stage = primary_stage(o);
  if (stage == nullptr) return;
  families.gauge("azimuth_direction_concentration",
                 "Share of the primary stage's hidden states that lies along the high-norm "
                 "direction, from 0 to 1.",
                 stage->concentration);
  families.gauge("azimuth_direction_participation_ratio",
                 "Number of coordinates over which the high-norm direction is spread.",
                 stage->participation_ratio);
  families.begin_gauge("azimuth_explosion_block", "First explosion block of the primary stage.");
  if (!stage->explosion_blocks.empty()) families.add(stage->explosion_blocks.front().block);
  families.begin_gauge("azimuth_decay_block", "First decay block of the primary stage.");
  if (!stage->decay_blocks.empty()) families.add(stage->decay_blocks.front().block);
}

/// Which probe tokens are high-norm in the primary stage, as indices.
std::vector<std::size_t> high_norm_tokens(const ProbeInfo& probe) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < probe.token_ids.size(); ++i) {
    if (std::ranges::count(probe.high_norm_token_ids, probe.token_ids[i])) indices.push_back(i);
  }
  return indices;
}

void add_block_norms(MetricFamilies& families, const Observation& o) {
  families.begin_gauge("azimuth_block_norm",
                       "Norm of the hidden states after a block, 0 being the embedding output: "
                       "median over the high-norm tokens, over all initial tokens, and the "
                       "reference norm.");
  const auto high_norm = high_norm_tokens(o.probe);
  for (const auto& block : o.blocks) {
    const auto label = std::to_string(block.block);
    std::vector<double> norms;
    for (const auto token : high_norm) {
      if (token < block.norms.size()) norms.push_back(block.norms[token]);
    }
    families.add(median(norms), {{"block", label}, {"path", "high_norm"}});
    families.add(median(block.norms), {{"block", label}, {"path", "initial_median"}});
    families.add(block.reference_norm, {{"block", label}, {"path", "reference"}});
  }
}

}  // namespace

void add_observation_metrics(MetricFamilies& families, const Observation& o) {
  add_direction(families, o);
  add_block_norms(families, o);

  const auto by_block = [&](std::string name, std::string help, auto value) {
    families.begin_gauge(std::move(name), std::move(help));
    for (const auto& block : o.blocks) {
      families.add(value(block), {{"block", std::to_string(block.block)}});
    }
  };
  by_block("azimuth_block_gain",
           "What a block adds along the direction of its stage, relative to what it reads; -1 is a "
           "perfect decay.",
           [](const BlockObservation& b) { return b.gain; });
  by_block(
      "azimuth_block_eigenvalue",
      "Real part of the eigenvalue of a decay block's linear approximation that belongs to the "
      "direction of its stage.",
      [](const BlockObservation& b) { return b.eigen.real; });
  by_block("azimuth_block_singular_angle_degrees",
           "Angle between the singular direction of a block and the direction of the hidden states "
           "after it, in degrees from 0 to 90.",
           [](const BlockObservation& b) { return b.singular.angle_to_block_direction; });
}

}  // namespace azimuth
