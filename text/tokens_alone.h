#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "azimuth/model_weights.h"
#include "azimuth/observation.h"
#include "azimuth/workers.h"

namespace azimuth {

/// What a token does by itself, without attention.
struct TokenAlone {
  double ratio = 0;  ///< the largest of its norm to the reference norm, over the blocks
  std::int32_t explosion_block = 0;  ///< the first at which it is high-norm; 0: none
  double response = 0;               ///< norm of what the block adds that is asked for
};

/// The zero-attention pass of `ids`, by the reference norms of `observation`. `blocks`, as many,
/// are those whose response is wanted, from 1; 0: that of the explosion block.
std::vector<TokenAlone> tokens_alone(const ModelWeights& weights, const Observation& observation,
                                     double high_norm_ratio, std::span<const std::int64_t> ids,
                                     std::span<const std::int32_t> blocks, Workers& workers);

}  // namespace azimuth
