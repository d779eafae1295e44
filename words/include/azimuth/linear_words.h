#pragma once

#include <string>

#include "azimuth/observation.h"

// What is shown beside figures of the linear approximation (docs/method.md, 3), wherever they are.
namespace azimuth::words {

/// The experts of a mixture that a block's linear approximation is of: "experts 0, 17". Empty where
/// there are none.
std::string experts_text(const BlockObservation& block);

/// At explosion and decay blocks, the gain that they would have if they were linear: "If it were
/// linear, block 12 would have a gain of 650.2, not 792; block 29 (experts 3, 5) of 0.61, not
/// -0.602." Empty where there is none.
std::string linear_gains_text(const Observation& observation);

}  // namespace azimuth::words
