#include "calls/inspect.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "azimuth/absence.h"
#include "azimuth/pictures.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/replace_file.h"
#include "calls/checkpoint.h"
#include "calls/inspection_text.h"
#include "calls/measure.h"
#include "terminal/output.h"

namespace azimuth::cli {
namespace {

struct InspectOptions {
  std::string checkpoint;
  OpenModelOptions reading;
  MeasureOptions measuring;
  TextOptions text;
  bool no_spectral = false;
  std::string format;
  std::filesystem::path plot;
};

// What was computed when the signature was made.
Observation observation_of(const Signature& signature) {
  Observation o;
  o.time = signature.created;
  o.model = signature.model;
  o.probe = signature.probe;
  o.blocks = signature.blocks;
  o.stages = signature.stages;
  o.primary_stage = signature.primary_stage;
  o.direction = signature.direction;
  o.provisional = o.primary_stage < 0 && !o.direction.empty();
  o.absence = absence_text(signature);
  o.warnings = signature.warnings;
  return o;
}

struct Inspection {
  Observation observation;
  std::optional<Fault> fault = {};
};

Inspection inspect(InspectOptions& options, const OpenText& open_text) {
  const Checkpoint checkpoint = open_checkpoint(options.checkpoint, options.reading);
  if (const auto* signature = std::get_if<Signature>(&checkpoint)) {
    require_weights_for(options.checkpoint, "--tokens", !options.measuring.tokens.empty());
    require_weights_for(options.checkpoint, "--vocabulary", options.measuring.vocabulary);
    require_weights_for(options.checkpoint, "--text", !options.text.ids.empty());
    return {observation_of(*signature)};
  }
  const auto& weights = std::get<ModelWeights>(checkpoint);
  ObserveText observe_text;
  if (!options.text.ids.empty()) {
    observe_text = open_text(weights, options.checkpoint, options.text);
  }
  options.measuring.spectral = !options.no_spectral;
  SpectralVectors vectors;
  if (observe_text) options.measuring.spectral_vectors = &vectors;
  Examination examined = measure(weights, options.measuring, "inspecting");
  if (observe_text) observe_text({vectors, options.measuring.vocabulary}, examined.observation);
  const std::optional<Fault> fault = fault_of(examined);
  return {std::move(examined.observation), fault};
}

void run_inspect(InspectOptions& options, const OpenText& open_text) {
  check_output(options.plot, {options.checkpoint, options.reading.adapter.string(),
                              options.reading.names.string(), options.text.ids.string()});
  const auto [observation, fault] = inspect(options, open_text);
  if (fault) tell(options.checkpoint, *fault);
  if (!options.plot.empty()) {
    replace_file(options.plot, draw_model(observation, short_name(options.checkpoint)));
  }
  if (options.format == "json") {
    print_json(to_json(observation));
  } else {
    print(inspection_text(observation, options.checkpoint, fault ? sentence(*fault) : "",
                          colours_wanted()));
  }
}

}  // namespace

void add_inspect(CLI::App& app, std::span<char* const> words, const OpenText& open_text) {
  const auto options = std::make_shared<InspectOptions>();
  CLI::App* call = app.add_subcommand(
      "inspect", "Norms, stages, the high-norm direction, singular directions and eigenvalues.");
  call->add_option("CKPT", options->checkpoint, kCheckpointHelp)->required();
  add_config_option(*call, options->reading);
  add_adapter_option(*call, options->reading);
  add_names_option(*call, options->reading);
  add_tokens_option(*call, options->measuring);
  call->add_flag("--no-spectral", options->no_spectral,
                 "Leave out singular directions and eigenvalues");
  call->add_flag(
      "--vocabulary", options->measuring.vocabulary,
      "Look for the tokens that explode at any position: a pass of the whole vocabulary");
  add_text_options(*call, options->text, kMostInspected);
  add_format_option(*call, options->format, "one Observation of azimuth.v1");
  call->add_option("--plot", options->plot, "Picture to write, an SVG file");
  call->footer(
      "Example:\n  azimuth inspect ./SmolLM2-135M-Instruct --plot norms.svg\n"
      "  azimuth inspect model.gguf --tokens 1,5,7 --format json\n"
      "  azimuth inspect model.gguf --text opticks.ids --sequences 8");
  call->callback([options, words, open_text] {
    if (!options->text.ids.empty() && !open_text) become_azimuth_text(words);
    run_inspect(*options, open_text);
  });
}

}  // namespace azimuth::cli
