#pragma once

#include <string>

#include "azimuth/text_observation.h"

namespace azimuth::cli {

/// What a model does on a text, for a person.
std::string text_report(const TextObservation& text);

}  // namespace azimuth::cli
