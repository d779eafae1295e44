#pragma once

#include <string>
#include <vector>

#include "azimuth/observation.h"

namespace azimuth::cli {

/// What a person reads of one observation of a file: the model, the direction, a table by block
/// with stages, explosion and decay marked. `name` is what the model was called on the command
/// line; `fault` says why hidden states are not finite, where they are not; `colours` for a
/// terminal.
std::string inspection_text(const Observation& observation, const std::string& name,
                            const std::string& fault, bool colours);

/// The largest coordinates of a direction: index from 0 and value.
std::string coordinates_text(const std::vector<float>& direction);

}  // namespace azimuth::cli
