#pragma once

#include <Eigen/Core>
#include <memory>
#include <string>

#include "azimuth/roles.h"

namespace azimuth {

/// What a LoRA adapter adds to one weight matrix W: W + B A, in factors, with the adapter's scale
/// in `b` (Hu et al., "LoRA", arXiv 2106.09685, section 4.1).
struct LowRankUpdate {
  std::string name;   ///< of the weight, "model.layers.0.self_attn.v_proj.weight"
  Eigen::MatrixXf a;  ///< rank × inputs
  Eigen::MatrixXf b;  ///< outputs × rank
};

/// An update and whose weight it changes.
struct BoundUpdate {
  BoundTensor place;
  std::shared_ptr<const LowRankUpdate> update;
};

}  // namespace azimuth
