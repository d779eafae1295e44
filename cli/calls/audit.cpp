#include "calls/audit.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "azimuth/audit.h"
#include "azimuth/file_error.h"
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
  std::string base;
  std::string release;
  OpenModelOptions reading;
  std::filesystem::path adapter;  ///< on the release
  AuditOptions audit;
  bool exact = false;
  std::string format;
};

ModelWeights open_weights(const std::string& name, const OpenModelOptions& options) {
  Checkpoint checkpoint = open_checkpoint(name, options);
  if (auto* weights = std::get_if<ModelWeights>(&checkpoint)) return std::move(*weights);
  throw FileError(name, "audit",
                  "needs weights, and a signature or a step of a history holds none; give the "
                  "model's folder or file");
}

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

void run_audit(const AuditCallOptions& options) {
  const ModelWeights base = open_weights(options.base, options.reading);
  OpenModelOptions reading_release = options.reading;
  reading_release.adapter = options.adapter;
  const ModelWeights release = open_weights(options.release, reading_release);
  Workers workers(all_cores());
  Audit result;
  {
    ProgressBar bar("auditing " + short_name(options.release));
    result = audit(base, release, options.audit, workers, &bar);
  }
  if (options.format == "json") {
    print_json(to_json(result));
  } else {
    print(audit_text(result));
  }
  if (const int code = exit_code(result.verdict, options.exact); code != 0) {
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
  call->add_option("--base", options->base,
                   std::string("Model that may be the origin") + kWeightsHelp)
      ->required();
  call->add_option("--release", options->release, "Model that is asked about, the same")
      ->required();
  call->add_option("--adapter", options->adapter,
                   "LoRA adapter (PEFT folder) to apply to the release, without merging it");
  add_config_option(*call, options->reading);
  call->add_option("--rate", options->audit.rate,
                   "How often MATCH may be wrong about a release that is independent of the base")
      ->check(CLI::Range(1e-300, 0.5))
      ->capture_default_str();
  call->add_flag("--exact", options->exact,
                 "Exit with 4 for MATCH_EMPIRICAL, which has no p-value");
  add_format_option(*call, options->format, "one Audit of azimuth.v1");
  call->footer(
      "Exits with 0 for MATCH and MATCH_EMPIRICAL, 1 for NO_MATCH, 4 for INCONCLUSIVE. What each "
      "means, and what it supposes, is in docs/audit.md.\n"
      "Example:\n  azimuth audit --base ./base --release ./release");
  call->callback([=] { run_audit(*options); });
}

}  // namespace azimuth::cli
