#pragma once

#include <string>

#include "azimuth/observation.h"

namespace azimuth::cli {

/// What a person reads of one observation of a file: the model, the direction, a table by block
/// with stages, explosion and decay marked. `name` is what the model was called on the command
/// line; `colours` for a terminal.
std::string inspection_text(const Observation& observation, const std::string& name, bool colours);

}  // namespace azimuth::cli
