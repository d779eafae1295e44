#include "calls/measure.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <thread>

#include "azimuth/file_error.h"
#include "terminal/printable.h"
#include "terminal/progress_bar.h"

namespace azimuth::cli {
namespace {

std::vector<std::int64_t> probe_of(const std::vector<std::int64_t>& tokens,
                                   const ModelWeights& weights) {
  for (const std::int64_t id : tokens) {
    if (id >= 0 && id < weights.vocab_size()) continue;
    throw CLI::ValidationError("--tokens", "id " + std::to_string(id) +
                                               " lies outside the vocabulary of " +
                                               std::to_string(weights.vocab_size()));
  }
  if (!tokens.empty()) return tokens;
  return default_tokens(weights.architecture().special_token_ids, weights.vocab_size());
}

// The first block at which it shows, " from block 2 on"; empty where only another norm overflows.
std::string from_block(const Observation& o) {
  const auto bad = std::ranges::find_if_not(o.blocks, has_finite_norms);
  return bad == o.blocks.end() ? "" : " from block " + std::to_string(bad->block) + " on";
}

}  // namespace

int all_cores() { return static_cast<int>(std::max(1u, std::thread::hardware_concurrency())); }

void add_tokens_option(CLI::App& call, MeasureOptions& options) {
  call.add_option("--tokens", options.tokens, "Token ids of the probe, all of them, in this order")
      ->delimiter(',')
      ->allow_extra_args(false);
}

std::vector<std::int64_t> default_tokens(const std::vector<std::int64_t>& special,
                                         std::int64_t vocab_size) {
  if (special.empty()) {
    std::fputs("azimuth: the model names no special tokens; ids 0 to 7 stand for them\n", stderr);
  }
  return default_probe(special, vocab_size, kDefaultProbeSize);
}

Examination measure(const ModelWeights& weights, const MeasureOptions& options,
                    const std::string& doing) {
  Workers workers(all_cores());
  ProgressBar bar(doing);
  ExamineOptions examining = {.spectral = options.spectral,
                              .vocabulary = options.vocabulary,
                              .noise_floor = options.noise_floor,
                              .bfloat16_digest = options.bfloat16_digest,
                              .spectral_vectors = options.spectral_vectors};
  examining.analysis.token_ids = probe_of(options.tokens, weights);
  return examine(weights, examining, workers, &bar);
}

std::optional<Fault> fault_of(const Examination& examined) {
  if (examined.finite) return std::nullopt;
  const std::string where = from_block(examined.observation);
  const auto& found = examined.observation.nonfinite;
  if (!found) {
    return Fault{"hidden states", "overflow float32" + where + ", though every weight is finite"};
  }
  const std::string what = (found->update ? "update of tensor " : "tensor ") + found->name;
  return Fault{what, "holds a value that is not finite; neither are the hidden states" + where};
}

std::string sentence(const Fault& fault) { return printable(fault.what, 200) + " " + fault.why; }

void tell(const std::string& checkpoint, const Fault& fault) {
  const FileError line(checkpoint, fault.what, fault.why);
  std::fprintf(stderr, "azimuth: %s\n", printable(line.what()).c_str());
}

}  // namespace azimuth::cli
