#include "calls/audit.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "azimuth/attestation.h"
#include "azimuth/audit.h"
#include "azimuth/clock.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/replace_file.h"
#include "azimuth/signing_keys.h"
#include "calls/audit_page.h"
#include "calls/audit_text.h"
#include "calls/audited_checkpoint.h"
#include "calls/checkpoint.h"
#include "calls/digest_checkpoint.h"
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
  std::filesystem::path page;
  std::filesystem::path attest;  ///< to write; empty: none
  std::filesystem::path key;     ///< to sign it with
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

/// From the one that says most to the one that says least; what does not apply says nothing.
bool says_more(const Audit& a, const Audit& b) {
  const auto key = [](const Audit& audit) {
    return std::tuple(rank(audit.verdict),
                      std::isnan(audit.log10_corrected_p) ? 0 : audit.log10_corrected_p,
                      std::isnan(audit.share) ? 0 : -audit.share);
  };
  return key(a) < key(b);
}

/// Of page and attestation, which may lie among the files.
AuditedFiles audited_files(const NamedAudit& result, const AuditCallOptions& options,
                           const OpenModelOptions& reading_release) {
  AuditedFiles out = {.unix_seconds = Clock().unix_seconds(), .base = {}, .release = {}};
  if (result.audit.exact.empty()) return out;  // of signatures
  out.base = digest_checkpoint(result.base, options.reading, options.attest);
  out.release = digest_checkpoint(options.release, reading_release, options.attest);
  return out;
}

void write_documents(const std::vector<NamedAudit>& results, const AuditCallOptions& options,
                     const OpenModelOptions& reading_release, const SigningKey* key) {
  const AuditedFiles files = audited_files(results.front(), options, reading_release);
  if (!options.page.empty()) {
    replace_file(options.page, audit_page(options.release, results, files));
  }
  if (key == nullptr) return;
  write_attestation(options.attest,
                    attest(results.front().audit, files.release, files.base, files.unix_seconds),
                    *key);
}

/// Before any work is done.
std::optional<SigningKey> check_outputs(const AuditCallOptions& options) {
  std::vector<std::string> inputs = options.bases;
  inputs.insert(inputs.end(), {options.release, options.adapter.string(),
                               options.reading.config.string(), options.key.string()});
  check_output(options.page, inputs);
  check_output(options.attest, inputs);
  if (options.attest.empty()) return {};
  return SigningKey::read(options.key);
}

/// An attestation is of a model's files.
void require_weights_to_attest(const AuditedCheckpoint& model) {
  require_weights_for(model.name, "--attest",
                      !std::holds_alternative<ModelWeights>(model.checkpoint));
}

void run_audit(const AuditCallOptions& options) {
  const std::optional<SigningKey> key = check_outputs(options);
  std::vector<AuditedCheckpoint> bases;
  for (const std::string& base : options.bases) {
    bases.push_back(open_audited(base, options.reading));
  }
  OpenModelOptions reading_release = options.reading;
  reading_release.adapter = options.adapter;
  AuditedCheckpoint release = open_audited(options.release, reading_release);
  if (key) {
    for (const AuditedCheckpoint& base : bases) require_weights_to_attest(base);
    require_weights_to_attest(release);
  }
  AuditOptions auditing = options.audit;
  auditing.bases = std::ssize(bases);
  auditing.thorough = auditing.thorough || !options.page.empty();
  Workers workers(all_cores());
  std::vector<NamedAudit> results;
  for (const AuditedCheckpoint& base : bases) {
    results.push_back({base.name, audit_checkpoints(base, release, auditing, workers)});
    release.digest = results.back().audit.release.weights_digest;  // made once
  }
  std::ranges::stable_sort(results, says_more, &NamedAudit::audit);
  if (key || !options.page.empty()) {
    write_documents(results, options, reading_release, key ? &*key : nullptr);
  }
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
  call->add_option(
      "--report", options->page,
      "Page to write, an HTML file: verdict, tests in words, pictures; with --thorough");
  CLI::Option* attest = call->add_option(
      "--attest", options->attest,
      "File to write a signed attestation of the result into (in-toto, DSSE), "
      "whatever the verdict; of several bases, of the one that says most. 'azimuth "
      "verify' checks it");
  CLI::Option* key = call->add_option("--key", options->key,
                                      "Ed25519 private key to sign it with, PEM as 'openssl "
                                      "genpkey -algorithm ed25519' writes it");
  attest->needs(key);
  key->needs(attest);
  add_format_option(*call, options->format, "one Audit of azimuth.v1, or Audits of several bases");
  call->footer(
      "Exits with 0 for MATCH and MATCH_EMPIRICAL, 1 for NO_MATCH, 4 for INCONCLUSIVE. What each "
      "means, and what it supposes, is in docs/audit.md.\n"
      "Example:\n  azimuth audit --base ./base --release ./release\n"
      "  azimuth audit --base ./base --release ./release --report audit.html\n"
      "  azimuth audit --base ./base --release ./release --attest audit.json --key key.pem");
  call->callback([=] { run_audit(*options); });
}

}  // namespace azimuth::cli
