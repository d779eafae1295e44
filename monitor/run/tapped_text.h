#pragma once

#include <optional>
#include <vector>

#include "azimuth/observation.h"
#include "azimuth/spectral.h"
#include "azimuth/tapped_states.h"
#include "azimuth/text_observation.h"

namespace azimuth {

/// What the states of one pass, by block from 0, show beside what weights say. Nothing where there
/// are none, or blocks do not agree about sequences and their length.
std::optional<TextObservation> text_of(const std::vector<TappedStates>& pass,
                                       const Observation& observation,
                                       const SpectralVectors& vectors, double high_norm_ratio);

}  // namespace azimuth
