#pragma once

#include "azimuth/architecture.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// Puts in the place of each tensor that holds the matrices of all experts of a block, as
/// Transformers 5 keeps Mixtral's, views of one matrix each: of `mlp.experts.gate_up_proj`
/// {experts, 2 x FFN, hidden} `mlp.experts.3.gate_proj.weight` and `mlp.experts.3.up_proj.weight`,
/// of `mlp.experts.down_proj` {experts, hidden, FFN} `mlp.experts.3.down_proj.weight`. Leaves
/// models without experts alone. Throws std::invalid_argument, naming the tensor: another shape,
/// another number of experts, too many of them, a type that is not read.
void split_fused_experts(const Architecture& architecture, NamedTensors& tensors);

}  // namespace azimuth
