#pragma once

#include <string>

#include "azimuth/observation.h"

/// What an observation does not have, and why. Thread-safe; throws nothing but std::bad_alloc.
namespace azimuth::words {

/// Where the longest hidden state is, in the states in which no token is high-norm: "The largest
/// norm ratio is 1.83, at block 3, of token 17." With what the state means it says all that is
/// known of a run without a direction. Empty in other states.
std::string nearest_text(const Observation& observation);

/// That the run's base has no direction, so that there is no angle to it; empty where it has one,
/// and without a base.
std::string base_absent_text(const Observation& observation);

/// For which blocks the linear approximation has no figures, a sentence for each reason:
/// "Blocks 1 to 4 have no singular direction and no eigenvalue: its high-norm tokens take different
/// experts." Empty where none lacks them. The reasons of a stranger's observation may hold anything.
std::string no_spectral_text(const Observation& observation);

}  // namespace azimuth::words
