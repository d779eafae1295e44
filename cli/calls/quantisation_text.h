#pragma once

#include <string>

#include "azimuth/model_info.h"
#include "azimuth/quantisation_advice.h"

namespace azimuth::cli {

/// The advice, for a person. `name`: of the checkpoint.
std::string advice_text(const QuantisationAdvice& advice, const ModelInfo& model,
                        const std::string& name);

}  // namespace azimuth::cli
