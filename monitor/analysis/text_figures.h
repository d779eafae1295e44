#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "analysis/text_states.h"
#include "azimuth/observation.h"
#include "azimuth/spectral.h"
#include "azimuth/text_observation.h"

namespace azimuth {

/// Fills in `out.blocks` and `out.stages` (docs/method.md, 9): `blocks` from 0, as many as those of
/// `observation`, whose stages and directions they are held against. `vectors`, where there are
/// any, are by block from 1.
void add_figures(const std::vector<TextBlockStates>& blocks, const Observation& observation,
                 const SpectralVectors& vectors, TextObservation& out);

/// By id, the block at which a token explodes by itself.
using ExpectedBlocks = std::unordered_map<std::int64_t, std::int32_t>;

/// The tokens that are high-norm somewhere, most often so first, and those of `also`.
std::vector<TextToken> listed(const TokensById& tokens, const ExpectedBlocks& also);

}  // namespace azimuth
