#pragma once

#include <string>

#include "calls/quantize.h"

namespace azimuth::cli {

/// What measures an advice on a text: `OpenEvaluation`.
Evaluate open_evaluation(const ModelWeights& weights, const std::string& checkpoint,
                         const EvaluationOptions& options);

}  // namespace azimuth::cli
