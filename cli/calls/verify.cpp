#include "calls/verify.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/attestation.h"
#include "azimuth/audit.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/signing_keys.h"
#include "calls/audit_text.h"
#include "calls/audited_checkpoint.h"
#include "calls/checkpoint.h"
#include "calls/digest_checkpoint.h"
#include "calls/measure.h"
#include "terminal/exit_codes.h"
#include "terminal/format_text.h"
#include "terminal/output.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

struct VerifyOptions {
  std::filesystem::path attestation;
  std::filesystem::path key;
  std::string release;
  std::string base;
  OpenModelOptions reading;
  std::filesystem::path adapter;  ///< on the release
  std::string format;

  OpenModelOptions reading_release() const {
    OpenModelOptions options = reading;
    options.adapter = adapter;
    return options;
  }
};

/// What was asked for and found, beside the signature.
struct Findings {
  std::optional<FileDifferences> release;
  std::optional<FileDifferences> base;
  std::optional<std::vector<std::string>> evidence;

  bool hold() const {
    return (!release || release->none()) && (!base || base->none()) &&
           (!evidence || evidence->empty());
  }
};

std::string made_again(const VerifyOptions& options, const Attestation& attestation) {
  const AuditedCheckpoint base = open_audited(options.base, options.reading);
  const AuditedCheckpoint release = open_audited(options.release, options.reading_release());
  Workers workers(all_cores());
  return to_json(audit_checkpoints(
      base, release,
      {.rate = attestation.rate, .bases = attestation.bases, .thorough = attestation.thorough},
      workers));
}

Findings findings_of(const Attestation& attestation, const VerifyOptions& options) {
  Findings found;
  if (options.release.empty()) return found;
  found.release = differences(
      attestation.release,
      digest_checkpoint(options.release, options.reading_release(), options.attestation));
  if (options.base.empty()) return found;
  found.base = differences(attestation.base,
                           digest_checkpoint(options.base, options.reading, options.attestation));
  // Of other files the audit comes to something else, and it is known why.
  if (!found.hold()) return found;
  found.evidence = evidence_differences(attestation.evidence, made_again(options, attestation));
  if (attestation.match_share != kMatchShare || attestation.match_neurons != kMatchNeurons ||
      attestation.no_match_share != kNoMatchShare) {
    found.evidence->push_back("thresholds: those of this program are others");
  }
  return found;
}

std::string line(const char* name, const std::string& value) {
  return "  " + left(name, 10) + printable(value) + "\n";
}

std::string files_text(const std::vector<FileDigest>& files) {
  std::string out;
  for (const FileDigest& file : files) {
    out += "    " + file.sha256 + "  " + printable(file.name) + "\n";
  }
  return out;
}

/// As `azimuth audit` prints it.
std::string verdict_text(std::string_view verdict) {
  constexpr std::string_view kPrefix = "VERDICT_";
  return std::string(verdict.starts_with(kPrefix) ? verdict.substr(kPrefix.size()) : verdict);
}

std::string attested_text(const Attestation& a, const VerifyingKey& key) {
  return "Signed by the key " + key.id() + ".\n\n" + line("verdict", verdict_text(a.verdict)) +
         line("p", std::isnan(a.log10_corrected_p)
                       ? "–"
                       : power(a.log10_corrected_p) + " at most, corrected for " +
                             std::to_string(a.tests) + " tests, of " + std::to_string(a.bases) +
                             (a.bases == 1 ? " base" : " bases")) +
         line("share", std::isnan(a.share) ? "–" : percent(a.share) + " of neurons") +
         line("rate", text("%g", a.rate)) + line("audited", a.audited_at) +
         line("by", "azimuth " + a.program_version + ", " + a.schema_version) +
         line("supposes", a.supposes) +
         line("base", "sha256 of its weights " + a.base_weights_digest) + files_text(a.base) +
         "  release\n" + files_text(a.release) + "\n";
}

std::string names_text(const char* what, const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += "  " + left(what, 9) + printable(name) + "\n";
  return out;
}

std::string differences_text(const char* which, const std::string& checkpoint, std::size_t files,
                             const FileDifferences& found) {
  const std::string start = std::string(which) + " " + printable(checkpoint);
  if (found.none()) {
    return start + ": all files are those that were attested, " + std::to_string(files) + ".\n";
  }
  return start + ": the files are NOT those that were attested.\n" +
         names_text("changed", found.changed) + names_text("missing", found.missing) +
         names_text("added", found.added);
}

std::string evidence_text(const Attestation& attestation, const std::vector<std::string>& found) {
  if (found.empty()) return "The audit was made again, and comes to the same.\n";
  constexpr std::size_t kShown = 20;
  std::string out = "The audit was made again, and does NOT come to the same.\n";
  if (attestation.program_version != AZIMUTH_VERSION) {
    out += "It was made by azimuth " + printable(attestation.program_version, 40) +
           ", and this is " AZIMUTH_VERSION ".\n";
  }
  for (std::size_t i = 0; i < std::min(found.size(), kShown); ++i) {
    out += "  " + printable(found[i], 200) + "\n";
  }
  if (found.size() > kShown) out += "  and " + std::to_string(found.size() - kShown) + " more\n";
  return out;
}

std::string findings_text(const Attestation& attestation, const VerifyOptions& options,
                          const Findings& found) {
  if (!found.release) {
    return "Whether a release is the one that was attested was not looked at: give it with "
           "--release.\n";
  }
  std::string out =
      differences_text("Release", options.release, attestation.release.size(), *found.release);
  if (found.base) {
    out += differences_text("Base", options.base, attestation.base.size(), *found.base);
  }
  if (found.evidence) out += evidence_text(attestation, *found.evidence);
  if (found.base && !found.evidence) out += "The audit was not made again.\n";
  return out;
}

nlohmann::ordered_json json_of(const std::optional<FileDifferences>& found) {
  if (!found) return nullptr;
  return {{"changed", found->changed}, {"missing", found->missing}, {"added", found->added}};
}

std::string findings_json(const Attestation& attestation, const VerifyingKey& key,
                          const Findings& found) {
  nlohmann::ordered_json out = {
      {"holds", found.hold()},
      {"keyid", key.id()},
      {"release", json_of(found.release)},
      {"base", json_of(found.base)},
      {"evidence", nullptr},
      {"statement", nlohmann::ordered_json::parse(attestation.statement)}};
  if (found.evidence) out["evidence"] = *found.evidence;
  return out.dump();
}

void run_verify(const VerifyOptions& options) {
  const VerifyingKey key = VerifyingKey::read(options.key);
  const Attestation attestation = read_attestation(options.attestation, key);
  const Findings found = findings_of(attestation, options);
  if (options.format == "json") {
    print_json(findings_json(attestation, key, found));
  } else {
    print(attested_text(attestation, key) + findings_text(attestation, options, found));
  }
  if (!found.hold()) throw CLI::RuntimeError(kNoMatch);
}

}  // namespace

void add_verify(CLI::App& app) {
  const auto options = std::make_shared<VerifyOptions>();
  CLI::App* call = app.add_subcommand(
      "verify",
      "Whether an attestation of 'azimuth audit' is signed by a key, and of the files at hand.");
  call->add_option("ATTESTATION", options->attestation, "File that 'azimuth audit --attest' wrote")
      ->required();
  call->add_option("--key", options->key,
                   "Ed25519 public key of the signer, PEM as 'openssl pkey -pubout' writes it")
      ->required();
  CLI::Option* release = call->add_option(
      "--release", options->release,
      "Model whose files are to be those that were attested: each that was changed, is missing or "
      "was added is named");
  CLI::Option* base = call->add_option(
      "--base", options->base, "Its base: to check its files too, and to make the audit again");
  base->needs(release);
  call->add_option("--adapter", options->adapter,
                   "LoRA adapter (PEFT folder) that was audited with the release")
      ->needs(release);
  add_config_option(*call, options->reading);
  add_format_option(*call, options->format, "what was found, and the in-toto Statement");
  call->footer(
      "A signature that is not by this key, or an attestation that was changed, is a file that is "
      "not what it should be. Nothing is fetched. What an attestation proves is in "
      "docs/attestation.md.\n"
      "Example:\n  azimuth verify audit.json --key pub.pem --release ./release");
  call->callback([options] { run_verify(*options); });
}

}  // namespace azimuth::cli
