#pragma once

#include <cstdint>

#include "azimuth/model_weights.h"

namespace azimuth::bench {

struct RandomModel {
  std::int64_t hidden_size = 1024;
  std::int64_t ffn_size = 2816;
  std::int64_t blocks = 1;
  StoredType type = StoredType::f32;
  /// Size of a component that every FFN adds along one direction, as trained models have it:
  /// relative to the norm of the rest. 0: none.
  double planted = 0;
};

/// A LLaMA-like model of random weights, heads of 64.
ModelWeights random_model(const RandomModel& options);

}  // namespace azimuth::bench
