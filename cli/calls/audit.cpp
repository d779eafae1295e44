#include "calls/audit.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "azimuth/audit.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/token_strings.h"
#include "calls/audit_text.h"
#include "calls/checkpoint.h"
#include "calls/measure.h"
#include "terminal/exit_codes.h"
#include "terminal/output.h"
#include "terminal/progress_bar.h"

namespace azimuth::cli {
namespace {

struct AuditCallOptions {
  std::vector<std::string> bases;
  std::string release;
  OpenModelOptions reading;
  std::filesystem::path adapter;  ///< on the release
  AuditOptions audit;
  bool exact = false;
  std::string format;
};

int exit_code(Verdict verdict, bool exact) {
  switch (verdict) {
    case Verdict::match:
      return 0;
    case Verdict::match_empirical:
      return exact ? kUndecided : 0;
    case Verdict::no_match:
      return kNoMatch;
    case Verdict::inconclusive:
      break;
  }
  return kUndecided;
}

/// From the one that says most to the one that says least: MATCH, then the others as their values
/// come, and the smaller p-value first.
bool says_more(const Audit& a, const Audit& b) {
  if (a.verdict != b.verdict) return a.verdict < b.verdict;
  if (a.log10_corrected_p != b.log10_corrected_p) return a.log10_corrected_p < b.log10_corrected_p;
  return a.share > b.share;
}

struct Opened {
  std::string name;  ///< as it was given
  Checkpoint checkpoint;
  std::vector<std::string> tokens = {};  ///< by id, where they are known
};

Opened opened(const std::string& name, const OpenModelOptions& options) {
  Opened out = {.name = name, .checkpoint = open_checkpoint(name, options)};
  if (std::holds_alternative<ModelWeights>(out.checkpoint)) out.tokens = read_token_strings(name);
  return out;
}

/// Its own, or measured with the tokens that the other one was.
Signature signature_of(const Opened& model, const Opened& other) {
  if (const auto* given = std::get_if<Signature>(&model.checkpoint)) return *given;
  const ModelWeights& weights = std::get<ModelWeights>(model.checkpoint);
  std::vector<std::int64_t> tokens = std::get<Signature>(other.checkpoint).probe.token_ids;
  std::erase_if(tokens, [&](std::int64_t id) { return id >= weights.vocab_size(); });
  return measure(weights, {.tokens = tokens}, "measuring " + short_name(model.name)).signature();
}

Audit audit_pair(const Opened& base, const Opened& release, const AuditOptions& options,
                 Workers& workers) {
  const auto* base_weights = std::get_if<ModelWeights>(&base.checkpoint);
  const auto* release_weights = std::get_if<ModelWeights>(&release.checkpoint);
  // Of a signature or a step of a history there is the direction alone.
  if (base_weights == nullptr || release_weights == nullptr) {
    return audit_signatures(signature_of(base, release), signature_of(release, base), options,
                            workers);
  }
  ProgressBar bar("auditing " + short_name(release.name) +
                  (options.bases > 1 ? " against " + short_name(base.name) : ""));
  return audit({*base_weights, base.tokens}, {*release_weights, release.tokens}, options, workers,
               &bar);
}

void run_audit(const AuditCallOptions& options) {
  std::vector<Opened> bases;
  for (const std::string& base : options.bases) bases.push_back(opened(base, options.reading));
  OpenModelOptions reading_release = options.reading;
  reading_release.adapter = options.adapter;
  const Opened release = opened(options.release, reading_release);
  AuditOptions auditing = options.audit;
  auditing.bases = std::ssize(bases);
  Workers workers(all_cores());
  std::vector<NamedAudit> results;
  for (const Opened& base : bases) {
    results.push_back({base.name, audit_pair(base, release, auditing, workers)});
  }
  std::ranges::stable_sort(results, says_more, &NamedAudit::audit);
  if (options.format == "json") {
    std::vector<Audit> audits;
    for (const NamedAudit& result : results) audits.push_back(result.audit);
    print_json(audits.size() == 1 ? to_json(audits.front()) : to_json(audits));
  } else {
    print(audit_text(results));
  }
  if (const int code = exit_code(results.front().audit.verdict, options.exact); code != 0) {
    throw CLI::RuntimeError(code);
  }
}

}  // namespace

void add_audit(CLI::App& app) {
  const auto options = std::make_shared<AuditCallOptions>();
  CLI::App* call = app.add_subcommand(
      "audit", "Whether a release was made from a base, from their weights, with exact p-values.");
  constexpr const char* kWeightsHelp =
      ": Hugging Face folder, GGUF file, or .safetensors, .bin, .pt or .ckpt file with --config";
  call->add_option("--base", options->bases,
                   std::string("Model that may be the origin") + kWeightsHelp +
                       "; several times: all are tried, and corrected for")
      ->required()
      ->allow_extra_args(false);
  call->add_option("--release", options->release, "Model that is asked about, the same")
      ->required();
  call->add_option("--adapter", options->adapter,
                   "LoRA adapter (PEFT folder) to apply to the release, without merging it");
  add_config_option(*call, options->reading);
  call->add_option("--rate", options->audit.rate,
                   "How often MATCH may be wrong about a release that is independent of the bases")
      ->check(CLI::Range(1e-300, 0.5))
      ->capture_default_str();
  call->add_flag(
      "--thorough", options->audit.thorough,
      "Compare Gram matrices of neurons and the high-norm directions, though the verdict "
      "does not need them");
  call->add_flag("--exact", options->exact,
                 "Exit with 4 for MATCH_EMPIRICAL, which has no p-value");
  add_format_option(*call, options->format, "one Audit of azimuth.v1, or Audits of several bases");
  call->footer(
      "Exits with 0 for MATCH and MATCH_EMPIRICAL, 1 for NO_MATCH, 4 for INCONCLUSIVE. What each "
      "means, and what it supposes, is in docs/audit.md.\n"
      "Example:\n  azimuth audit --base ./base --release ./release");
  call->callback([=] { run_audit(*options); });
}

}  // namespace azimuth::cli
