#include "calls/quantize.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "azimuth/file_error.h"
#include "azimuth/pictures.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/quantisation_advice.h"
#include "azimuth/quantisation_export.h"
#include "azimuth/replace_file.h"
#include "calls/checkpoint.h"
#include "calls/evaluation_text.h"
#include "calls/measure.h"
#include "calls/quantisation_text.h"
#include "terminal/output.h"
#include "terminal/progress_bar.h"

namespace azimuth::cli {
namespace {

struct QuantizeOptions {
  std::string checkpoint;
  OpenModelOptions reading;
  std::string format;
  std::filesystem::path directory;
  EvaluationOptions evaluation;
  std::filesystem::path plot;
};

void make_directory(const std::filesystem::path& directory) {
  if (directory.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!std::filesystem::is_directory(directory, error)) {
    throw FileError(directory, "export", "cannot be made a folder");
  }
}

void export_advice(const ModelWeights& weights, const QuantisationAdvice& advice,
                   const std::filesystem::path& directory) {
  if (directory.empty()) return;
  if (advice.kept() == 0) throw FileError(directory, "export", "there is nothing to keep");
  std::vector<ExportedFile> files;
  try {
    files = exported(weights, advice);
  } catch (const std::invalid_argument& error) {
    throw FileError(directory, "export", error.what());
  }
  for (const ExportedFile& file : files) replace_file(directory / file.name, file.text);
}

void run_quantize(const QuantizeOptions& options, const OpenEvaluation& open_evaluation) {
  check_output(options.plot, {options.checkpoint, options.reading.adapter.string(),
                              options.reading.names.string(), options.evaluation.text.ids.string(),
                              options.evaluation.calibration.string()});
  make_directory(options.directory);
  const Checkpoint checkpoint = open_checkpoint(options.checkpoint, options.reading);
  const ModelWeights& weights = weights_of(checkpoint, options.checkpoint, "quantize");
  Evaluate evaluate;
  if (!options.evaluation.text.ids.empty()) {
    evaluate = open_evaluation(weights, options.checkpoint, options.evaluation);
  }
  const Examination examined =
      measure(weights, {.spectral = false, .bfloat16_digest = false}, "finding stages");
  if (const auto fault = fault_of(examined)) {
    throw FileError(options.checkpoint, fault->what, fault->why);
  }
  QuantisationAdvice advice;
  {
    Workers workers(all_cores());
    ProgressBar bar("scoring down projections");
    advice = advise(weights, examined.observation, {}, workers, &bar);
  }
  if (advice.projections.empty()) {
    throw FileError(options.checkpoint, "quantize", advice.nothing_to_keep);
  }
  std::optional<QuantisationEvaluation> evaluation;
  if (evaluate) evaluation = evaluate(advice);
  if (!options.plot.empty()) {
    replace_file(options.plot, draw_quantisation(*evaluation, short_name(options.checkpoint)));
  }
  if (options.format == "json") {
    v1::Quantisation all = to_proto(examined.observation.model, advice);
    if (evaluation) *all.mutable_evaluation() = to_proto(*evaluation);
    print_json(to_json(all));
  } else {
    print(advice_text(advice, examined.observation.model, options.checkpoint) +
          (evaluation ? evaluation_text(*evaluation) : ""));
  }
  export_advice(weights, advice, options.directory);
}

}  // namespace

void add_quantize(CLI::App& app, std::span<char* const> words,
                  const OpenEvaluation& open_evaluation) {
  const auto options = std::make_shared<QuantizeOptions>();
  CLI::App* call = app.add_subcommand(
      "quantize",
      "Which down projections are worth keeping in float where a model becomes int8, from its "
      "weights alone; and what that is worth on a text.");
  call->add_option("CKPT", options->checkpoint,
                   "Hugging Face folder, GGUF file, or .safetensors, .bin, .pt or .ckpt file with "
                   "--config")
      ->required();
  add_config_option(*call, options->reading);
  add_adapter_option(*call, options->reading);
  add_names_option(*call, options->reading);
  add_format_option(*call, options->format, "one Quantisation of azimuth.v1");
  call->add_option("--export", options->directory,
                   "Folder for the advice as llm-compressor, torchao and llama.cpp read it");
  EvaluationOptions& evaluation = options->evaluation;
  add_text_options(*call, evaluation.text, kMostEvaluated);
  CLI::Option* const text = call->get_option("--text");
  call->add_option(
          "--calibrate", evaluation.calibration,
          "Token ids of another text, on " + std::to_string(kCalibrationSequences) +
              " sequences of which SmoothQuant is calibrated; without it on as many behind "
              "those of --text")
      ->needs(text);
  call->add_option("--bits", evaluation.scheme.weight_bits, "Bits of a weight")
      ->check(CLI::IsMember({4, 8}))
      ->needs(text)
      ->capture_default_str();
  call->add_flag("--per-channel", evaluation.scheme.per_channel,
                 "A scale for each output of a weight, not one for all")
      ->needs(text);
  call->add_option("--plot", options->plot, "Picture of the perplexities to write, an SVG file")
      ->needs(text);
  call->footer(
      "What the advice is, and what weights do not show, is in docs/quantisation.md.\n"
      "Example:\n  azimuth quantize ./SmolLM2-135M-Instruct --export advice\n"
      "  azimuth quantize model.gguf --text kjv.ids --calibrate opticks.ids --plot sets.svg");
  call->callback([options, words, open_evaluation] {
    if (!options->evaluation.text.ids.empty() && !open_evaluation) become_azimuth_text(words);
    run_quantize(*options, open_evaluation);
  });
}

}  // namespace azimuth::cli
