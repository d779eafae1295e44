#pragma once

#include <functional>
#include <span>
#include <string>

#include "azimuth/model_weights.h"
#include "azimuth/observation.h"
#include "azimuth/spectral.h"
#include "calls/text_options.h"

namespace CLI {
class App;
}

namespace azimuth::cli {

/// What is known of a model from its weights, as far as it concerns a text.
struct KnownForText {
  const SpectralVectors& vectors;
  bool vocabulary = false;  ///< was looked at
};

/// Adds to the observation of a model what it does on a text.
using ObserveText = std::function<void(const KnownForText&, Observation&)>;
/// Opens a text for the model of a checkpoint, before anything is measured. Throws FileError where
/// the model cannot be run, or not on that text. `weights` must live as long as the result.
using OpenText = std::function<ObserveText(const ModelWeights& weights,
                                           const std::string& checkpoint, const TextOptions&)>;

/// Adds the call `azimuth inspect`, which runs when the command line has been parsed. Without
/// `open_text` it becomes, where a text is given, the program that has one; `words` is argv.
void add_inspect(CLI::App& app, std::span<char* const> words, const OpenText& open_text = {});

/// Sequences that are read where it is not said how many.
inline constexpr std::int64_t kMostInspected = 64;

}  // namespace azimuth::cli
