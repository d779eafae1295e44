#include "azimuth/examine.h"

#include <utility>

namespace azimuth {
namespace {

std::int64_t parts_of(const ModelWeights& weights, const ExamineOptions& options) {
  const auto blocks = static_cast<std::int64_t>(weights.blocks().size());
  const std::int64_t sweeps =
      1 + (options.spectral ? 1 : 0) + (options.noise_floor ? kNoiseFloorPasses : 0);
  return blocks * sweeps + (options.vocabulary ? vocabulary_pass_tiles(weights) : 0);
}

}  // namespace

Examination examine(const ModelWeights& weights, const ExamineOptions& options, Workers& workers,
                    Progress* progress) {
  const Clock system;
  const Clock& clock = options.clock != nullptr ? *options.clock : system;
  const auto cpu_seconds = [&] { return clock.thread_cpu_seconds() + workers.cpu_seconds(); };
  const double wall_before = clock.monotonic_seconds();
  const double cpu_before = cpu_seconds();
  if (progress != nullptr) progress->begin(parts_of(weights, options));

  AnalysisOptions analysis = options.analysis;
  if (analysis.token_ids.empty()) {
    analysis.token_ids = default_probe(weights.architecture().special_token_ids,
                                       weights.vocab_size(), kDefaultProbeSize);
  }
  AnalysisTrail trail;
  Examination examined = {.observation = analyse(weights, analysis, workers, &trail, progress)};
  Observation& observation = examined.observation;
  observation.step = options.step;
  examined.finite = trail.states.finite();
  if (!examined.finite) {
    observation.nonfinite = weights.first_nonfinite(analysis.token_ids, workers);
  }
  examined.pass_cpu_seconds = cpu_seconds() - cpu_before;
  if (options.spectral) {
    add_spectral(weights, trail, observation, workers, options.spectral_start, progress,
                 options.spectral_vectors);
    examined.spectral_cpu_seconds = cpu_seconds() - cpu_before - examined.pass_cpu_seconds;
  } else {
    leave_out_spectral(observation,
                       examined.finite ? "not computed" : "hidden states are not finite");
  }
  if (options.vocabulary) {
    observation.probe.vocabulary = vocabulary_pass(
        weights, observation, analysis.thresholds.high_norm_ratio, workers, progress);
  }
  // From here on the observation's own hysteresis, not that of an earlier snapshot.
  analysis.previous_high_norm_tokens = trail.high_norm_tokens;
  if (options.noise_floor &&
      (!options.needs_noise_floor || options.needs_noise_floor(observation))) {
    examined.noise_floor_degrees =
        noise_floor_degrees(weights, observation, analysis, workers, progress);
  }
  examined.peak_ratio = trail.peak_ratio;
  examined.high_norm_tokens = std::move(trail.high_norm_tokens);
  if (options.digest) observation.model.weights_digest = weights.digest(workers);
  if (options.digest && options.bfloat16_digest) {
    observation.model.bfloat16_digest = weights.bfloat16_digest(workers);
  }
  observation.time = clock.unix_seconds();
  observation.cost.analysis_cpu_seconds = cpu_seconds() - cpu_before;
  observation.cost.analysis_wall_seconds = clock.monotonic_seconds() - wall_before;
  return examined;
}

}  // namespace azimuth
