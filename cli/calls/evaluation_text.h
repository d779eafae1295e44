#pragma once

#include <string>

#include "azimuth/quantisation_evaluation.h"

namespace azimuth::cli {

/// What was measured on a text, as a table for a person.
std::string evaluation_text(const QuantisationEvaluation& evaluation);

}  // namespace azimuth::cli
