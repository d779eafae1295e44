#include "azimuth/analysis.h"

#include <algorithm>
#include <cmath>

#include "analysis/stages.h"
#include "azimuth/absence.h"
#include "azimuth/median.h"
#include "azimuth/same_stage.h"

namespace azimuth {
namespace {

std::vector<double> to_vector(const Eigen::VectorXd& v) { return {v.begin(), v.end()}; }

// Norms, reference norms and ratios by block.
template <class Scalar>
std::vector<BlockObservation> measure_norms(const HiddenStates<Scalar>& states) {
  std::vector<BlockObservation> blocks(states.initial.size());
  for (std::size_t l = 0; l < blocks.size(); ++l) {
    BlockObservation& block = blocks[l];
    block.block = static_cast<std::int32_t>(l);
    const Eigen::VectorXd norms =
        states.initial[l].template cast<double>().colwise().norm().transpose();
    block.norms = to_vector(norms);
    block.reference_norm = median(to_vector(states.zero_attention_norms[l]));
    block.ratio_max = norms.maxCoeff() / block.reference_norm;
  }
  return blocks;
}

// Says ratios against real activations. What is high-norm has been decided: that weights alone say,
// whatever somebody has tapped.
void refer_to_activations(const std::vector<double>& norms, Observation& o) {
  for (std::size_t l = 0; l < o.blocks.size(); ++l) {
    BlockObservation& block = o.blocks[l];
    block.ratio_max *= block.reference_norm / norms[l];
    block.reference_norm = norms[l];
  }
  for (StageObservation& stage : o.stages) {
    stage.peak_ratio = 0;
    for (auto l = stage.first_block; l <= stage.last_block; ++l) {
      stage.peak_ratio =
          std::max(stage.peak_ratio, o.blocks[static_cast<std::size_t>(l)].ratio_max);
    }
  }
}

// Stages of what a pass gave, or a provisional direction: everything but what names the model.
template <class Scalar>
Observation interpret(const HiddenStates<Scalar>& states, const AnalysisOptions& options,
                      TokenSets* high_norm_sets) {
  Observation o;
  o.blocks = measure_norms(states);
  if (high_norm_sets != nullptr) high_norm_sets->clear();
  if (!states.finite()) return o;

  BlockStates block_states;
  for (const auto& s : states.initial) block_states.push_back(s.template cast<double>());
  const TokenSets high = high_norm_tokens(o.blocks, options.thresholds.high_norm_ratio,
                                          options.previous_high_norm_tokens);
  Stages stages = find_stages(block_states, o.blocks, high);
  if (!stages.stages.empty()) {
    judge_blocks(block_states, high, stages, o.blocks);
    const auto primary = static_cast<std::size_t>(stages.primary);
    o.primary_stage = stages.primary;
    o.stages = std::move(stages.stages);
    o.direction = o.stages[primary].direction;
    for (std::int32_t t : stages.tokens[primary]) {
      o.probe.high_norm_token_ids.push_back(options.token_ids[static_cast<std::size_t>(t)]);
    }
    if (high_norm_sets != nullptr) *high_norm_sets = high;
    return o;
  }
  const double threshold =
      options.thresholds.emerging_ratio * (options.was_emerging ? kHysteresis : 1);
  const Stages emerging =
      find_stages(block_states, o.blocks, high_norm_tokens(o.blocks, threshold, {}));
  if (emerging.primary >= 0) {
    o.direction = emerging.stages[static_cast<std::size_t>(emerging.primary)].direction;
    o.provisional = true;
  }
  return o;
}

}  // namespace

std::vector<std::int64_t> default_probe(std::span<const std::int64_t> special,
                                        std::int64_t vocab_size, std::int64_t size) {
  std::vector<std::int64_t> ids;
  const auto add = [&](std::int64_t id) {
    if (id >= 0 && id < vocab_size && std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  };
  for (std::int64_t id : special) add(id);
  constexpr std::int64_t kStandIns = 8;
  if (ids.empty()) {
    for (std::int64_t id = 0; id < kStandIns; ++id) add(id);
  }
  const std::int64_t spread = size - static_cast<std::int64_t>(ids.size());
  for (std::int64_t i = 0; i < spread; ++i) {
    add(static_cast<std::int64_t>((static_cast<double>(i) + 0.5) * static_cast<double>(vocab_size) /
                                  static_cast<double>(spread)));
  }
  return ids;
}

Observation analyse(const ModelWeights& weights, const AnalysisOptions& options, Workers& workers,
                    AnalysisTrail* trail, Progress* progress) {
  AnalysisTrail own;
  if (trail == nullptr) trail = &own;
  trail->states = single_token_pass<float>(weights, options.token_ids, workers, progress);
  Observation o = interpret(trail->states, options, &trail->high_norm_tokens);
  trail->peak_ratio = peak_ratio(o);
  if (!options.activation_norms.empty()) refer_to_activations(options.activation_norms, o);
  o.model = weights.sizes();
  o.model.weights_fingerprint = weights.fingerprint(workers);
  o.warnings = weights.warnings();
  o.probe.token_ids = options.token_ids;
  for (std::int64_t id : weights.architecture().special_token_ids) {
    if (std::ranges::find(options.token_ids, id) != options.token_ids.end()) {
      o.probe.special_token_ids.push_back(id);
    }
  }
  o.probe.reference =
      options.activation_norms.empty() ? ReferenceNorm::zero_attention : ReferenceNorm::activations;
  o.absence = absence_text(o);
  return o;
}

double noise_floor_degrees(const ModelWeights& weights, const Observation& observation,
                           const AnalysisOptions& options, Workers& workers, Progress* progress) {
  if (observation.direction.empty()) return kNotApplicable;
  PastDirections own = directions_of(observation);
  AnalysisOptions same = options;
  if (observation.provisional) {
    // Rounding must not make it vanish at the threshold: both sides are taken below it.
    same.was_emerging = true;
    own = directions_of(interpret(
        single_token_pass<float>(weights, options.token_ids, workers, progress), same, nullptr));
  }
  const auto turn = [&](const auto& states) {
    const PastDirections other = directions_of(interpret(states, same, nullptr));
    const double angle = same_stage_angle(own, other);
    return std::isnan(angle) ? 90.0 : angle;  // lost altogether: nothing can be resolved
  };
  double floor = turn(single_token_pass<double>(weights, options.token_ids, workers, progress));
  // One draw can happen to leave the direction where it is.
  constexpr std::uint64_t kDraws = 3;
  for (std::uint64_t seed = 1; seed <= kDraws; ++seed) {
    floor = std::max(floor, turn(single_token_pass<float>(weights.nudged(seed), options.token_ids,
                                                          workers, progress)));
  }
  return floor;
}

}  // namespace azimuth
