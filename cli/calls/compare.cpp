#include "calls/compare.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "azimuth/absence.h"
#include "azimuth/comparison.h"
#include "azimuth/pictures.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/replace_file.h"
#include "azimuth/special_ids.h"
#include "azimuth/thresholds.h"
#include "azimuth/utf8.h"
#include "calls/checkpoint.h"
#include "calls/measure.h"
#include "terminal/exit_codes.h"
#include "terminal/format_text.h"
#include "terminal/output.h"

namespace azimuth::cli {
namespace {

struct CompareOptions {
  std::vector<std::string> checkpoints;
  std::vector<std::filesystem::path> adapters;  ///< of each checkpoint; empty: none
  std::vector<std::filesystem::path> names;     ///< the same, of its parameters
  OpenModelOptions reading;
  std::string format;
  std::filesystem::path plot;
};

// What each model is called: with an adapter, after both.
std::vector<std::string> names_of(const CompareOptions& options,
                                  std::string (*name_of)(const std::string& path)) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < options.checkpoints.size(); ++i) {
    const std::string adapter = options.adapters[i].string();
    names.push_back(name_of(options.checkpoints[i]) +
                    (adapter.empty() ? "" : " + " + name_of(adapter)));
  }
  return names;
}

/// What all models are probed with: another probe turns a direction, and more than the noise floor
/// says. Depends on which checkpoints there are, not on their order.
class CommonProbe {
 public:
  explicit CommonProbe(const std::vector<Checkpoint>& checkpoints) {
    std::map<Tokens, int> given;
    for (const Checkpoint& checkpoint : checkpoints) {
      if (const auto* signature = std::get_if<Signature>(&checkpoint)) {
        ++given[signature->probe.token_ids];
      } else {
        add(std::get<ModelWeights>(checkpoint));
      }
    }
    // Signatures cannot be measured again: what most of them were measured with.
    for (int most = 0; const auto& [tokens, count] : given) {
      if (count > most) tokens_ = tokens;
      most = std::max(most, count);
    }
    if (smallest_ == kNoModel) return;
    std::erase_if(tokens_, [&](std::int64_t id) { return id < 0 || id >= smallest_; });
    if (tokens_.empty()) tokens_ = default_tokens(special_, smallest_);
  }

  const std::vector<std::int64_t>& tokens() const { return tokens_; }

  /// For a person, where vocabularies differ.
  std::string words() const {
    if (smallest_ == largest_ || smallest_ == kNoModel) return {};
    return "Vocabularies differ: the models were probed with " + std::to_string(tokens_.size()) +
           " token ids below " + std::to_string(smallest_) + ", which all of them have\n";
  }

 private:
  using Tokens = std::vector<std::int64_t>;
  static constexpr std::int64_t kNoModel = std::numeric_limits<std::int64_t>::max();

  void add(const ModelWeights& weights) {
    const Tokens& special = weights.architecture().special_token_ids;
    special_ = smallest_ == kNoModel ? special : joined_special_ids(special_, special);
    smallest_ = std::min(smallest_, weights.vocab_size());
    largest_ = std::max(largest_, weights.vocab_size());
  }

  Tokens tokens_;
  Tokens special_;  ///< of all models
  std::int64_t smallest_ = kNoModel;
  std::int64_t largest_ = 0;
};

struct Measured {
  std::vector<Signature> signatures;
  std::string probe;                ///< what is to be said of it
  std::vector<std::string> faults;  ///< by model: why it has no signature; empty: it has one
};

std::string why_no_signature(const Signature& signature) {
  if (signature.primary_stage >= 0) return {};
  const std::string absence = absence_text(signature);
  return absence.empty() ? "hidden states are not finite" : absence;
}

Measured measure_all(const CompareOptions& options) {
  std::vector<Checkpoint> checkpoints;  // all, before the first is measured
  for (std::size_t i = 0; i < options.checkpoints.size(); ++i) {
    OpenModelOptions reading = options.reading;
    reading.adapter = options.adapters[i];
    reading.names = options.names[i];
    checkpoints.push_back(open_checkpoint(options.checkpoints[i], reading));
  }
  const CommonProbe probe(checkpoints);
  Measured measured = {.signatures = {}, .probe = probe.words(), .faults = {}};
  std::vector<Signature>& signatures = measured.signatures;
  for (std::size_t i = 0; i < checkpoints.size(); ++i) {
    std::optional<Fault> fault;
    const std::string& name = options.checkpoints[i];
    Checkpoint& checkpoint = checkpoints[i];
    if (auto* signature = std::get_if<Signature>(&checkpoint)) {
      signatures.push_back(std::move(*signature));
    } else {
      const ModelWeights& weights = std::get<ModelWeights>(checkpoint);
      const MeasureOptions measuring = {.tokens = probe.tokens(),
                                        .spectral = false,
                                        .noise_floor = true,
                                        .bfloat16_digest = false};
      const Examination examined = measure(weights, measuring, "measuring " + short_name(name));
      signatures.push_back(examined.signature());
      fault = fault_of(examined);
      if (fault) tell(name, *fault);
    }
    measured.faults.push_back(fault ? sentence(*fault) : why_no_signature(signatures.back()));
    if (signatures.back().probe.token_ids != probe.tokens()) {
      std::fprintf(stderr, "azimuth: %s was probed with other tokens than the others\n",
                   name.c_str());
    }
  }
  return measured;
}

std::string cell(double value, const char* format) {
  return std::isnan(value) ? "–" : text(format, value);
}

std::string angle_cell(const Comparison& c, std::size_t row, std::size_t column) {
  const double degrees = c.degrees[row * c.names.size() + column];
  const bool absent = !c.absences[row].empty() || !c.absences[column].empty();
  return std::isnan(degrees) && absent ? "ABSENT" : cell(degrees, "%.3f");
}

std::string range(std::size_t row, std::size_t column) {
  return std::to_string(row + 1) + "–" + std::to_string(column + 1);
}

// A line for each model without a signature, and for each pair that cannot be compared all the
// same.
std::string reasons(const Measured& measured) {
  const std::vector<std::string>& faults = measured.faults;
  std::string out;
  for (std::size_t i = 0; i < faults.size(); ++i) {
    if (faults[i].empty()) continue;
    const bool absent = !absence_text(measured.signatures[i]).empty();
    out += (absent ? std::to_string(i + 1) + ": "
                   : "–: " + std::to_string(i + 1) + " has no signature: ") +
           faults[i] + "\n";
  }
  for (std::size_t row = 0; row < faults.size(); ++row) {
    for (std::size_t i = row + 1; i < faults.size(); ++i) {
      const std::size_t a = measured.signatures[row].direction.size();
      const std::size_t b = measured.signatures[i].direction.size();
      if (!faults[row].empty() || !faults[i].empty() || a == b) continue;
      out += text("–: %s have other hidden sizes, %zu and %zu\n", range(row, i).c_str(), a, b);
    }
  }
  return out;
}

/// As `inspect` counts them.
std::string stage_text(std::int32_t stage) { return stage < 0 ? "–" : std::to_string(stage + 1); }

// A line for each stage that was compared though it is not its model's primary one, and for each
// model in which little decides which one is.
std::string about_stages(const Comparison& c) {
  const std::size_t n = c.names.size();
  std::string out;
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::int32_t stage = c.stages[row * n + i];
      if (stage < 0 || stage == c.primary_stages[row]) continue;
      out += range(std::min(row, i), std::max(row, i)) + ": stage " + stage_text(stage) +
             " of model " + std::to_string(row + 1) +
             " is the one that both have; its primary one is stage " +
             stage_text(c.primary_stages[row]) + "\n";
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (c.rival_stages[i] < 0) continue;
    out += std::to_string(i + 1) + ": stages " + stage_text(c.primary_stages[i]) + " and " +
           stage_text(c.rival_stages[i]) +
           text(
               " are nearly tied, within %.0f%% of each other: "
               "little decides which is the primary one\n",
               100 * kNearTie);
  }
  return out;
}

// A line for each pair of one digest. What a run holds of a step depends on the steps before: a
// token that was high-norm stays so down to 0.8 of the threshold, and turns the direction a little.
std::string about_digests(const Comparison& c, std::span<const Signature> signatures) {
  const std::vector<std::string>& digests = c.weights_digests;
  std::string out;
  for (std::size_t row = 0; row < digests.size(); ++row) {
    for (std::size_t i = row + 1; i < digests.size(); ++i) {
      if (digests[row].empty() || digests[row] != digests[i]) continue;
      out += range(row, i) + ": identical weights, of one digest";
      const auto& here = signatures[row].probe.high_norm_token_ids;
      const auto& there = signatures[i].probe.high_norm_token_ids;
      if (here != there) {
        out += text(
            "; but other tokens count as high-norm, %zu and %zu of them: in a run, one stays "
            "so down to %g of the threshold",
            here.size(), there.size(), kHysteresis);
      }
      out += "\n";
    }
  }
  return out;
}

// A line for each pair that was probed with different tokens.
std::string about_probes(const Comparison& c) {
  const std::size_t n = c.names.size();
  std::string out;
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t i = row + 1; i < n; ++i) {
      if (c.same_probe[row * n + i] || std::isnan(c.degrees[row * n + i])) continue;
      out += range(row, i) +
             ": probed with different tokens, and no noise floor says how much that"
             " turns a direction\n";
    }
  }
  return out;
}

std::string comparison_text(const Comparison& c, const Measured& measured) {
  const std::size_t n = c.names.size();
  std::string out = "Angles between the high-norm directions, in degrees\n\n  ";
  std::size_t width = 0;
  for (const std::string& name : c.names) width = std::max(width, utf8_characters(name));
  out += left("", width + 5);
  for (std::size_t i = 0; i < n; ++i) out += right(std::to_string(i + 1), 9);
  for (std::size_t row = 0; row < n; ++row) {
    out += "\n  " + right(std::to_string(row + 1), 3) + "  " + left(c.names[row], width);
    for (std::size_t i = 0; i < n; ++i) out += right(angle_cell(c, row, i), 9);
  }
  out += "\n\n     pair      angle°  noise floor°     p-value   stages\n";
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t i = row + 1; i < n; ++i) {
      const std::size_t at = row * n + i;
      const TestResult permutation = result_of(audit_test::coordinate_permutation, c.tests[at]);
      const bool at_limit = permutation.p <= permutation.resolution;
      out += right(range(row, i), 9) + right(angle_cell(c, row, i), 12) +
             right(cell(c.noise_floor_degrees[at], "%.2g"), 14) +
             right((at_limit ? "≤ " : "") + cell(permutation.p, "%.2g"), 12) +
             right(stage_text(c.stages[at]) + ", " + stage_text(c.stages[i * n + row]), 9) + "\n";
    }
  }
  out += text(
      "\np-value: how often a random permutation of the coordinates brings the two as close; ≤: no "
      "one of %d draws did\n",
      kPermutations);
  return out + measured.probe + about_digests(c, measured.signatures) + about_probes(c) +
         about_stages(c) + reasons(measured);
}

void run_compare(const CompareOptions& options) {
  std::vector<std::string> inputs = options.checkpoints;
  for (const auto* files : {&options.adapters, &options.names}) {
    for (const std::filesystem::path& file : *files) inputs.push_back(file.string());
  }
  check_output(options.plot, inputs);
  const Measured measured = measure_all(options);
  Workers workers(all_cores());
  const auto whole = [](const std::string& path) { return path; };
  const Comparison comparison = compare(names_of(options, whole), measured.signatures, workers);
  if (!options.plot.empty()) {
    Comparison named = comparison;
    named.names = names_of(options, short_name);
    replace_file(options.plot, draw_comparison(named));
  }
  if (options.format == "json") {
    print_json(to_json(comparison));
  } else {
    print(comparison_text(comparison, measured));
  }
  if (std::ranges::any_of(comparison.degrees, [](double angle) { return std::isnan(angle); })) {
    throw CLI::RuntimeError(kUndecided);
  }
}

/// An option that belongs to the CKPT before it.
class OptionOfCheckpoint {
 public:
  OptionOfCheckpoint(CLI::App& call, const std::string& name, const std::string& help)
      : call_(call), name_(name) {
    option_ = call.add_option(name, *given_, help)->allow_extra_args(false);
  }

  /// One a checkpoint, empty where none was given.
  std::vector<std::filesystem::path> by_checkpoint(const CLI::Option* checkpoint,
                                                   std::size_t checkpoints) const {
    std::vector<std::filesystem::path> files;
    std::size_t next = 0;
    for (const CLI::Option* option : call_.parse_order()) {
      if (option == checkpoint) files.emplace_back();
      if (option != option_) continue;
      if (files.empty()) throw CLI::ValidationError(name_, "stands behind its CKPT");
      if (!files.back().empty()) throw CLI::ValidationError(name_, "is there twice for one CKPT");
      files.back() = given_->at(next++);
    }
    files.resize(checkpoints);  // CLI11 makes several of "[a,b]"
    return files;
  }

 private:
  const CLI::App& call_;
  std::string name_;
  // Where CLI11 puts what it finds, wherever this object goes.
  std::shared_ptr<std::vector<std::filesystem::path>> given_ =
      std::make_shared<std::vector<std::filesystem::path>>();
  const CLI::Option* option_ = nullptr;
};

}  // namespace

void add_compare(CLI::App& app) {
  const auto options = std::make_shared<CompareOptions>();
  CLI::App* call = app.add_subcommand(
      "compare", "Angles between the directions of models, with noise floors and p-values.");
  const CLI::Option* checkpoint =
      call->add_option("CKPT", options->checkpoints, std::string("Two or more: ") + kCheckpointHelp)
          ->required()
          ->expected(2, -1);
  const OptionOfCheckpoint adapter(*call, "--adapter",
                                   "LoRA adapter (PEFT folder) to apply to the CKPT before it");
  const OptionOfCheckpoint names(*call, "--names",
                                 std::string("Of the CKPT before it: ") + kNamesHelp);
  add_config_option(*call, options->reading);
  add_format_option(*call, options->format, "one Comparison of azimuth.v1");
  call->add_option("--plot", options->plot, "Heat map to write, an SVG file");
  call->footer(
      "Exits with 4 where a pair has no angle: a model has no direction, or their hidden sizes "
      "differ.\n"
      "Example:\n  azimuth compare ./base ./release other.azsig run.azimuth@200 --plot angles.svg\n"
      "  azimuth compare ./base ./base --adapter ./tuned");
  call->callback([=] {
    options->adapters = adapter.by_checkpoint(checkpoint, options->checkpoints.size());
    options->names = names.by_checkpoint(checkpoint, options->checkpoints.size());
    run_compare(*options);
  });
}

}  // namespace azimuth::cli
