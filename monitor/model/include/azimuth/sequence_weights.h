#pragma once

#include <memory>
#include <vector>

#include "azimuth/linear_map.h"
#include "azimuth/mixers.h"

namespace azimuth {

/// What a decoder reads of a model beside its token embedding (ModelWeights::for_sequences).
struct SequenceWeights {
  std::vector<BlockWeights> blocks;            ///< attention has its scores
  std::shared_ptr<const LinearMap> positions;  ///< a learned one a row; null: there are none
  Norm embedding_norm;
  Norm final_norm;
  Projection head;  ///< vocab_size × hidden_size; without a map: the token embedding
};

}  // namespace azimuth
