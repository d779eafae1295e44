#include "calls/quantize.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

#include "azimuth/file_error.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/quantisation_advice.h"
#include "azimuth/quantisation_export.h"
#include "azimuth/replace_file.h"
#include "calls/checkpoint.h"
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

void run_quantize(const QuantizeOptions& options) {
  make_directory(options.directory);
  const Checkpoint checkpoint = open_checkpoint(options.checkpoint, options.reading);
  const auto* const weights = std::get_if<ModelWeights>(&checkpoint);
  if (weights == nullptr) {
    throw FileError(options.checkpoint, "quantize",
                    "needs weights, and a signature or a step of a history holds none; give the "
                    "model's folder or file");
  }
  const Examination examined =
      measure(*weights, {.spectral = false, .bfloat16_digest = false}, "finding stages");
  if (const auto fault = fault_of(examined)) {
    throw FileError(options.checkpoint, fault->what, fault->why);
  }
  QuantisationAdvice advice;
  {
    Workers workers(all_cores());
    ProgressBar bar("scoring down projections");
    advice = advise(*weights, examined.observation, {}, workers, &bar);
  }
  if (advice.projections.empty()) {
    throw FileError(options.checkpoint, "quantize", advice.nothing_to_keep);
  }
  if (options.format == "json") {
    print_json(to_json(to_proto(examined.observation.model, advice)));
  } else {
    print(advice_text(advice, examined.observation.model, options.checkpoint));
  }
  export_advice(*weights, advice, options.directory);
}

}  // namespace

void add_quantize(CLI::App& app) {
  const auto options = std::make_shared<QuantizeOptions>();
  CLI::App* call = app.add_subcommand(
      "quantize",
      "Which down projections are worth keeping in float where a model becomes int8, from its "
      "weights alone.");
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
  call->footer(
      "What the advice is, and what weights do not show, is in docs/quantisation.md.\n"
      "Example:\n  azimuth quantize ./SmolLM2-135M-Instruct --export advice");
  call->callback([options] { run_quantize(*options); });
}

}  // namespace azimuth::cli
