#include "calls/checkpoint.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "azimuth/begins_with.h"
#include "azimuth/file_error.h"
#include "azimuth/history_reader.h"
#include "azimuth/observation.h"
#include "azimuth/open_model.h"
#include "azimuth/signature_file.h"
#include "calls/stored_runs.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

/// STORE@STEP or STORE@RUN@STEP, where there is such a STORE.
struct StepOfHistory {
  std::filesystem::path store;
  std::string run;  ///< empty: the only one
  std::int64_t step = 0;
};

std::optional<StepOfHistory> parse_step_of_history(const std::string& name) {
  const std::size_t last = name.rfind('@');
  if (last == std::string::npos) return std::nullopt;
  StepOfHistory parsed;
  const char* const end = name.data() + name.size();
  const auto [stop, problem] = std::from_chars(name.data() + last + 1, end, parsed.step);
  if (problem != std::errc() || stop != end) return std::nullopt;
  std::error_code error;
  for (std::size_t at = name.find('@'); at != std::string::npos; at = name.find('@', at + 1)) {
    parsed.store = name.substr(0, at);
    if (!std::filesystem::is_regular_file(parsed.store, error)) continue;
    if (at < last) parsed.run = name.substr(at + 1, last - at - 1);
    return parsed;
  }
  throw FileError(name.substr(0, last), "open", "is not a file");
}

std::string only_run(HistoryReader& history, const std::filesystem::path& store) {
  const std::vector<HistoryReader::Run> runs = history.runs();
  if (runs.size() == 1) return runs.front().run;
  if (runs.empty()) throw FileError(store, "runs", "there are none yet");
  throw FileError(store, "runs",
                  "there are several, name one as STORE@RUN@STEP: " + names_of(runs));
}

/// "; the nearest are of steps 16 and 24".
std::string nearest_steps(HistoryReader& history, const std::string& run, std::int64_t step) {
  std::optional<std::int64_t> below;
  std::optional<std::int64_t> above;
  history.for_each(run, [&](const Observation& o) {
    if (o.step < step) below = std::max(o.step, below.value_or(o.step));
    if (o.step > step) above = std::min(o.step, above.value_or(o.step));
  });
  const auto number = [](std::int64_t of) { return std::to_string(of); };
  if (below && above) {
    return "; the nearest are of steps " + number(*below) + " and " + number(*above);
  }
  if (!below && !above) return {};
  return "; the nearest is of step " + number(below ? *below : *above);
}

Signature open_history(StepOfHistory at) {
  HistoryReader history(at.store);
  if (at.run.empty()) at.run = only_run(history, at.store);
  auto signature = history.signature_at_step(at.run, at.step);
  if (!signature) {
    stored_runs(history, at.store, at.run);  // throws where there is no such run
    throw FileError(at.store, "run " + at.run,
                    "there is no snapshot of step " + std::to_string(at.step) +
                        nearest_steps(history, at.run, at.step));
  }
  return *std::move(signature);
}

}  // namespace

void add_adapter_option(CLI::App& call, OpenModelOptions& options) {
  call.add_option("--adapter", options.adapter,
                  "LoRA adapter (PEFT folder) to apply on top, without merging it");
}

void add_config_option(CLI::App& call, OpenModelOptions& options) {
  call.add_option(
      "--config", options.config,
      "config.json of a single .safetensors or PyTorch file, or in the place of a folder's own");
}

void add_names_option(CLI::App& call, OpenModelOptions& options) {
  call.add_option("--names", options.names, kNamesHelp);
}

bool is_step_of_history(const std::string& name) {
  std::error_code error;
  return !std::filesystem::exists(name, error) && parse_step_of_history(name).has_value();
}

Checkpoint open_checkpoint(const std::string& name, const OpenModelOptions& options) {
  const auto expect_no_weights_wanted = [&] {
    require_weights_for(name, "--adapter", !options.adapter.empty());
    require_weights_for(name, "--names", !options.names.empty());
  };
  if (is_step_of_history(name)) {
    expect_no_weights_wanted();
    return open_history(*parse_step_of_history(name));
  }
  if (is_signature_file(name)) {
    expect_no_weights_wanted();
    return read_signature(name);
  }
  if (begins_with(name, "SQLite format 3")) {
    throw FileError(name, "open", "is a history store: name a snapshot, as STORE@STEP");
  }
  ModelWeights weights = open_model(name, options);
  for (const std::string& warning : weights.warnings()) {
    std::fprintf(stderr, "azimuth: %s\n", printable(name + ": " + warning).c_str());
  }
  return weights;
}

const ModelWeights& weights_of(const Checkpoint& checkpoint, const std::string& name,
                               const std::string& call) {
  const auto* const weights = std::get_if<ModelWeights>(&checkpoint);
  if (weights != nullptr) return *weights;
  throw FileError(name, call,
                  "needs weights, and a signature or a step of a history holds none; give the "
                  "model's folder or file");
}

void require_weights_for(const std::string& name, const std::string& option, bool given) {
  if (given) throw CLI::ValidationError(option, "needs weights, which " + name + " does not hold");
}

std::string short_name(const std::string& checkpoint) {
  const std::filesystem::path whole = std::filesystem::absolute(checkpoint).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

}  // namespace azimuth::cli
