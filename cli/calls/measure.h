#pragma once

#include <cstdint>
#include <optional>
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
  bool bfloat16_digest = true;
  SpectralVectors* spectral_vectors = nullptr;  ///< receives them
};

/// How many threads the program works with.
int all_cores();

/// The default probe. Says on standard error where no special tokens are named.
std::vector<std::int64_t> default_tokens(const std::vector<std::int64_t>& special,
                                         std::int64_t vocab_size);

void add_tokens_option(CLI::App& call, MeasureOptions& options);

/// One observation of a model's weights, with a bar on a terminal that says what is `doing`. Throws
/// CLI::ValidationError for a token id that the vocabulary does not have.
Examination measure(const ModelWeights& weights, const MeasureOptions& options,
                    const std::string& doing);

/// What is wrong where hidden states are not finite: the parts of a FileError.
struct Fault {
  std::string what;
  std::string why;
};

/// Nothing where they are finite.
std::optional<Fault> fault_of(const Examination& examined);

/// For where there is no direction, without a stop at its end.
std::string sentence(const Fault& fault);

/// One line on standard error, for a call that goes on.
void tell(const std::string& checkpoint, const Fault& fault);

}  // namespace azimuth::cli
