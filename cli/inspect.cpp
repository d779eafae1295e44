#include "inspect.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "azimuth/analysis.h"
#include "azimuth/file_error.h"
#include "azimuth/monitor.h"
#include "azimuth/pictures.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/spectral.h"
#include "checkpoint.h"
#include "inspection_text.h"
#include "progress_bar.h"

namespace azimuth::cli {
namespace {

struct Options {
  std::filesystem::path checkpoint;
  std::vector<std::int64_t> tokens;
  bool no_spectral = false;
  bool vocabulary = false;
  std::string format = "text";
  std::filesystem::path plot;
};

std::vector<std::int64_t> probe_of(const Options& options, const ModelWeights& weights) {
  for (const std::int64_t id : options.tokens) {
    if (id >= 0 && id < weights.vocab_size()) continue;
    throw CLI::ValidationError("--tokens", "id " + std::to_string(id) +
                                               " lies outside the vocabulary of " +
                                               std::to_string(weights.vocab_size()));
  }
  if (!options.tokens.empty()) return options.tokens;
  const std::vector<std::int64_t>& special = weights.architecture().special_token_ids;
  if (special.empty()) {
    std::fputs("azimuth: the model names no special tokens; ids 0 to 7 stand for them\n", stderr);
  }
  return default_probe(special, weights.vocab_size(), MonitorOptions{}.probe_size);
}

Observation inspect(const Options& options, const ModelWeights& weights) {
  const Clock clock;
  const double wall_before = clock.monotonic_seconds();
  Workers workers(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  const double cpu_before = clock.thread_cpu_seconds();

  AnalysisOptions analysis;
  analysis.token_ids = probe_of(options, weights);
  const auto blocks = static_cast<std::int64_t>(weights.blocks().size());
  ProgressBar bar("inspecting", blocks + (options.no_spectral ? 0 : blocks) +
                                    (options.vocabulary ? vocabulary_pass_tiles(weights) : 0));
  const CancelCheck advance = [&bar] {
    bar.advance();
    return false;
  };
  analysis.cancelled = advance;
  AnalysisTrail trail;
  Observation observation = analyse(weights, analysis, workers, &trail);
  if (!options.no_spectral) {
    add_spectral(weights, trail, observation, workers, nullptr, advance);
  }
  if (options.vocabulary) {
    observation.probe.vocabulary = vocabulary_pass(
        weights, observation, analysis.thresholds.high_norm_ratio, workers, advance);
  }
  observation.model.weights_digest = weights.digest();
  observation.time = clock.unix_seconds();
  observation.cost.analysis_cpu_seconds =
      clock.thread_cpu_seconds() - cpu_before + workers.cpu_seconds();
  observation.cost.analysis_wall_seconds = clock.monotonic_seconds() - wall_before;
  return observation;
}

void write_picture(const std::filesystem::path& file, const Observation& observation,
                   const std::string& title) {
  std::ofstream out(file, std::ios::binary);
  out << draw_model(observation, title);
  out.close();
  if (!out) throw FileError(file, "picture", "cannot be written");
}

// What a model is called in a picture: the last part of its path.
std::string name_of(const std::filesystem::path& checkpoint) {
  const std::filesystem::path whole = std::filesystem::absolute(checkpoint).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

void run(const Options& options) {
  const ModelWeights weights = open_checkpoint(options.checkpoint);
  const Observation observation = inspect(options, weights);
  if (!options.plot.empty()) write_picture(options.plot, observation, name_of(options.checkpoint));
  if (options.format == "json") {
    std::puts(to_json(observation).c_str());
    return;
  }
  const bool colours = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  std::fputs(inspection_text(observation, options.checkpoint.string(), colours).c_str(), stdout);
}

}  // namespace

void add_inspect(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* call = app.add_subcommand(
      "inspect", "Norms, stages, the high-norm direction, singular directions and eigenvalues.");
  call->add_option("CKPT", options->checkpoint,
                   "Hugging Face folder (config.json and safetensors), or GGUF file")
      ->required();
  call->add_option("--tokens", options->tokens,
                   "Token ids of the probe, all of them, in this order")
      ->delimiter(',');
  call->add_flag("--no-spectral", options->no_spectral,
                 "Leave out singular directions and eigenvalues");
  call->add_flag(
      "--vocabulary", options->vocabulary,
      "Look for the tokens that explode at any position: a pass of the whole vocabulary");
  call->add_option("--format", options->format, "text or json (one Observation of azimuth.v1)")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  call->add_option("--plot", options->plot, "Picture to write, an SVG file");
  call->footer(
      "Example:\n  azimuth inspect ./SmolLM2-135M-Instruct --plot norms.svg\n"
      "  azimuth inspect model.gguf --tokens 1,5,7 --format json");
  call->callback([options] { run(*options); });
}

}  // namespace azimuth::cli
