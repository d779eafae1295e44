#include "calls/signature.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "azimuth/file_error.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/signature_file.h"
#include "calls/checkpoint.h"
#include "calls/inspection_text.h"
#include "calls/measure.h"
#include "terminal/format_text.h"
#include "terminal/output.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

struct SignatureOptions {
  std::string checkpoint;
  OpenModelOptions reading;
  MeasureOptions measuring;
  bool no_spectral = false;
  std::filesystem::path out;
  std::string format;
};

Signature signature_of(const SignatureOptions& options) {
  Checkpoint checkpoint = open_checkpoint(options.checkpoint, options.reading);
  if (auto* signature = std::get_if<Signature>(&checkpoint)) {
    require_weights_for(options.checkpoint, "--tokens", !options.measuring.tokens.empty());
    return std::move(*signature);
  }
  const Examination examined =
      measure(std::get<ModelWeights>(checkpoint), options.measuring, "measuring");
  if (const auto fault = fault_of(examined)) {
    throw FileError(options.checkpoint, fault->what, fault->why);
  }
  return examined.signature();
}

std::string signature_text(const Signature& signature, const SignatureOptions& options) {
  std::string out = options.out.string() + "\n";
  if (signature.primary_stage < 0) {
    out += "  " + absence_text(signature) +
           (signature.direction.empty() ? "\n  The signature holds norms, and no direction.\n"
                                        : "\n  The direction is provisional:\n");
  }
  if (!signature.direction.empty()) {
    out += "  direction     " + coordinates_text(signature.direction) + "\n";
    out += text("  noise floor   %.2g°\n", signature.noise_floor_degrees);
  }
  out += text("  weights       %s\n", printable(signature.model.weights_digest).c_str());
  out += text("  in bfloat16   %s\n", printable(signature.model.bfloat16_digest).c_str());
  out += text("  digest        %s\n", printable(signature.digest).c_str());
  return out;
}

void run_signature(SignatureOptions& options) {
  check_output(options.out, {options.checkpoint, options.reading.adapter.string(),
                             options.reading.names.string()});
  options.measuring.spectral = !options.no_spectral;
  options.measuring.noise_floor = true;
  write_signature(options.out, signature_of(options));
  const Signature written = read_signature(options.out);  // with its digest
  if (options.format == "json") {
    print_json(to_json(written));
  } else {
    print(signature_text(written, options));
  }
}

}  // namespace

void add_signature(CLI::App& app) {
  const auto options = std::make_shared<SignatureOptions>();
  CLI::App* call = app.add_subcommand(
      "signature", "Writes what is needed to compare and audit a model without its weights.");
  call->add_option("CKPT", options->checkpoint, kCheckpointHelp)->required();
  call->add_option("-o,--output", options->out, "Signature file to write")->required();
  add_config_option(*call, options->reading);
  add_adapter_option(*call, options->reading);
  add_names_option(*call, options->reading);
  add_tokens_option(*call, options->measuring);
  call->add_flag("--no-spectral", options->no_spectral,
                 "Leave out singular directions and eigenvalues");
  add_format_option(*call, options->format, "the Signature of azimuth.v1 that was written");
  call->footer("Example:\n  azimuth signature ./SmolLM2-135M-Instruct -o smollm2.azsig");
  call->callback([options] { run_signature(*options); });
}

}  // namespace azimuth::cli
