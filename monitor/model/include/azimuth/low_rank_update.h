#pragma once

#include <Eigen/Core>
#include <memory>
#include <optional>
#include <string>

#include "azimuth/architecture.h"
#include "azimuth/roles.h"

namespace azimuth {

/// What a LoRA adapter adds to one weight matrix W: W + B A, in factors, with the adapter's scale
/// in `b` (Hu et al., "LoRA", arXiv 2106.09685, section 4.1). DoRA then scales each row of the sum
/// to a length of its own (Liu et al., arXiv 2402.09353, section 4.1). The embedding of tokens is a
/// matrix with one output a token; there DoRA scales columns.
struct LowRankUpdate {
  std::string name;   ///< of the weight, "model.layers.0.self_attn.v_proj.weight"
  Eigen::MatrixXf a;  ///< rank × inputs
  Eigen::MatrixXf b;  ///< outputs × rank
  /// How the rows of `b` stand where W fuses queries, keys and values: that of whoever published
  /// the model, which need not be that of the file that W is read from. Empty: not known, and an
  /// update of a fused matrix is refused.
  std::optional<QkvLayout> qkv_layout = {};
  /// Of DoRA: the length of each row of W + B A, laid out as the rows of `b`; of the embedding,
  /// that of each column, over all tokens. Empty: as it is.
  Eigen::VectorXf magnitude = {};
};

/// An update and whose weight it changes.
struct BoundUpdate {
  BoundTensor place;
  std::shared_ptr<const LowRankUpdate> update;
};

}  // namespace azimuth
