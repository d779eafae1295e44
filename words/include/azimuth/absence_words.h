#pragma once

#include <string>

#include "azimuth/observation.h"

/// What an observation does not have, and why. Thread-safe; throws nothing but std::bad_alloc.
namespace azimuth::words {

/// For which blocks the linear approximation has no figures, a sentence for each reason:
/// "Blocks 1 to 4 have no singular direction and no eigenvalue: experts route." Empty where none
/// lacks them. The reasons of a stranger's observation may hold anything.
std::string no_spectral_text(const Observation& observation);

}  // namespace azimuth::words
