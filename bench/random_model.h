#pragma once

#include <cstdint>

#include "azimuth/model_weights.h"

namespace azimuth::bench {

struct RandomModel {
  std::int64_t hidden_size = 1024;
  std::int64_t ffn_size = 2816;
  std::int64_t blocks = 1;
  StoredType type = StoredType::f32;
  /// How strongly one inner neuron of every FFN reads and writes, beside rows and columns of norm
  /// 1: the explosion of a trained model, where one direction calls forth another. 0: none.
  double planted = 0;
};

/// A LLaMA-like model of random weights, heads of 64.
ModelWeights random_model(const RandomModel& options);

}  // namespace azimuth::bench
