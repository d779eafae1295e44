#include "measure.h"

#include <algorithm>
#include <cstdio>
#include <thread>

#include "azimuth/analysis.h"
#include "azimuth/monitor.h"
#include "azimuth/spectral.h"
#include "progress_bar.h"

namespace azimuth::cli {
namespace {

std::vector<std::int64_t> probe_of(const std::vector<std::int64_t>& tokens,
                                   const ModelWeights& weights) {
  for (const std::int64_t id : tokens) {
    if (id >= 0 && id < weights.vocab_size()) continue;
    throw CLI::ValidationError("--tokens", "id " + std::to_string(id) +
                                               " lies outside the vocabulary of " +
                                               std::to_string(weights.vocab_size()));
  }
  if (!tokens.empty()) return tokens;
  const std::vector<std::int64_t>& special = weights.architecture().special_token_ids;
  if (special.empty()) {
    std::fputs("azimuth: the model names no special tokens; ids 0 to 7 stand for them\n", stderr);
  }
  return default_probe(special, weights.vocab_size(), MonitorOptions{}.probe_size);
}

}  // namespace

int all_cores() { return static_cast<int>(std::max(1u, std::thread::hardware_concurrency())); }

void add_tokens_option(CLI::App& call, MeasureOptions& options) {
  call.add_option("--tokens", options.tokens, "Token ids of the probe, all of them, in this order")
      ->delimiter(',')
      ->allow_extra_args(false);
}

Measured measure(const ModelWeights& weights, const MeasureOptions& options,
                 const std::string& doing) {
  const Clock clock;
  const double wall_before = clock.monotonic_seconds();
  Workers workers(all_cores());
  const double cpu_before = clock.thread_cpu_seconds();

  AnalysisOptions analysis;
  analysis.token_ids = probe_of(options.tokens, weights);
  const auto blocks = static_cast<std::int64_t>(weights.blocks().size());
  ProgressBar bar(doing, blocks * (1 + (options.spectral ? 1 : 0) +
                                   (options.noise_floor ? kNoiseFloorPasses : 0)) +
                             (options.vocabulary ? vocabulary_pass_tiles(weights) : 0));
  analysis.cancelled = [&bar] {
    bar.advance();
    return false;
  };
  AnalysisTrail trail;
  Measured measured = {.observation = analyse(weights, analysis, workers, &trail)};
  Observation& observation = measured.observation;
  if (options.spectral) {
    add_spectral(weights, trail, observation, workers, nullptr, analysis.cancelled);
  }
  if (options.vocabulary) {
    observation.probe.vocabulary = vocabulary_pass(
        weights, observation, analysis.thresholds.high_norm_ratio, workers, analysis.cancelled);
  }
  if (options.noise_floor) {
    analysis.previous_high_norm_tokens = std::move(trail.high_norm_tokens);
    measured.noise_floor_degrees = noise_floor_degrees(weights, observation, analysis, workers);
  }
  observation.model.weights_digest = weights.digest(workers);
  observation.time = clock.unix_seconds();
  observation.cost.analysis_cpu_seconds =
      clock.thread_cpu_seconds() - cpu_before + workers.cpu_seconds();
  observation.cost.analysis_wall_seconds = clock.monotonic_seconds() - wall_before;
  return measured;
}

Signature measure_signature(const ModelWeights& weights, MeasureOptions options,
                            const std::string& doing) {
  options.noise_floor = true;
  const Measured measured = measure(weights, options, doing);
  return signature_of(measured.observation, measured.noise_floor_degrees);
}

}  // namespace azimuth::cli
