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

/// Its own, or measured with the tokens that the other one was.
Signature signature_of(const Checkpoint& checkpoint, const Checkpoint& other) {
  if (const auto* given = std::get_if<Signature>(&checkpoint)) return *given;
  const ModelWeights& weights = std::get<ModelWeights>(checkpoint);
  std::vector<std::int64_t> tokens = std::get<Signature>(other).probe.token_ids;
  std::erase_if(tokens, [&](std::int64_t id) { return id >= weights.vocab_size(); });
  return measure(weights, {.tokens = tokens}, "measuring the direction").signature();
}

/// Of a signature or a step of a history there is the direction alone, which decides nothing.
Audit audit_direction(const Checkpoint& base, const Checkpoint& release,
                      const AuditOptions& options, Workers& workers) {
  return audit_signatures(signature_of(base, release), signature_of(release, base), options,
                          workers);
}

void run_audit(const AuditCallOptions& options) {
  std::vector<Checkpoint> bases;
  for (const std::string& base : options.bases) {
    bases.push_back(open_checkpoint(base, options.reading));
  }
  OpenModelOptions reading_release = options.reading;
  reading_release.adapter = options.adapter;
  const Checkpoint release = open_checkpoint(options.release, reading_release);
  AuditOptions auditing = options.audit;
  auditing.bases = std::ssize(bases);
  Workers workers(all_cores());
  std::vector<NamedAudit> results;
  for (std::size_t i = 0; i < bases.size(); ++i) {
    const auto* base_weights = std::get_if<ModelWeights>(&bases[i]);
    const auto* release_weights = std::get_if<ModelWeights>(&release);
    if (base_weights == nullptr || release_weights == nullptr) {
      results.push_back({options.bases[i], audit_direction(bases[i], release, auditing, workers)});
      continue;
    }
    ProgressBar bar("auditing " + short_name(options.release) +
                    (bases.size() > 1 ? " against " + short_name(options.bases[i]) : ""));
    results.push_back(
        {options.bases[i], audit(*base_weights, *release_weights, auditing, workers, &bar)});
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
