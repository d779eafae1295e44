#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "azimuth/model_weights.h"
#include "azimuth/quantisation_advice.h"
#include "azimuth/quantisation_evaluation.h"
#include "calls/text_options.h"

namespace CLI {
class App;
}

namespace azimuth::cli {

/// What is to be measured on a text.
struct EvaluationOptions {
  TextOptions text;
  std::filesystem::path calibration;  ///< token ids; empty: what lies behind the text
  QuantisationScheme scheme;
};

/// Measures what an advice is worth.
using Evaluate = std::function<QuantisationEvaluation(const QuantisationAdvice&)>;
/// Opens a text for the model of a checkpoint, before anything is measured. Throws FileError where
/// the model cannot be run, or not on that text.
using OpenEvaluation = std::function<Evaluate(
    const ModelWeights& weights, const std::string& checkpoint, const EvaluationOptions&)>;

/// Adds the call `azimuth quantize`, which runs when the command line has been parsed. Without
/// `open_evaluation` it becomes, where a text is given, the program that has one; `words` is argv.
void add_quantize(CLI::App& app, std::span<char* const> words,
                  const OpenEvaluation& open_evaluation = {});

/// Sequences that are read where it is not said how many, and those that SmoothQuant is calibrated
/// on.
inline constexpr std::int64_t kMostEvaluated = 8;
inline constexpr std::int64_t kCalibrationSequences = 4;

}  // namespace azimuth::cli
