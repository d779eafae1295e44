#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "azimuth/examine.h"
#include "azimuth/model_weights.h"

namespace CLI {
class App;
}

namespace azimuth::cli {

struct MeasureOptions {
  std::vector<std::int64_t> tokens = {};  ///< of the probe; empty: the default
  bool spectral = true;
  bool vocabulary = false;
  bool noise_floor = false;
};

/// How many threads the program works with.
int all_cores();

void add_tokens_option(CLI::App& call, MeasureOptions& options);

/// One observation of a model's weights, with a bar on a terminal that says what is `doing`. Throws
/// CLI::ValidationError for a token id that the vocabulary does not have.
Examination measure(const ModelWeights& weights, const MeasureOptions& options,
                    const std::string& doing);

/// The same as a signature, noise floor included.
Signature measure_signature(const ModelWeights& weights, MeasureOptions options,
                            const std::string& doing);

}  // namespace azimuth::cli
