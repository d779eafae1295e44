#pragma once

#include "azimuth/hugging_face_config.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// Puts in the place of each tensor that holds the matrices of all experts of a block, as
/// Transformers 5 keeps them, views of one matrix or bias each:
///
/// - `experts.gate_up_proj` or `input_linear.weight`, {experts, 2 × FFN, hidden}:
///   `experts.3.gate_proj.weight` and `experts.3.up_proj.weight`
/// - the same by turns, or {experts, hidden, 2 × FFN}: `experts.3.gate_up_proj.weight`
/// - `experts.up_proj`, {experts, FFN, hidden}: `experts.3.up_proj.weight`
/// - `experts.down_proj` or `output_linear.weight`, {experts, hidden, FFN}, or transposed too:
///   `experts.3.down_proj.weight`
/// - `experts.gate_up_proj_bias` and `experts.down_proj_bias`, {experts, outputs}:
///   `experts.3.gate_up_proj.bias` and `experts.3.down_proj.bias`
/// - `shared_mlp.input_linear.weight`, {2 × FFN, hidden}: `shared_mlp.gate_proj.weight` and
///   `shared_mlp.up_proj.weight`
///
/// Whether they are transposed the shapes say, and where they fit both ways the family: sets
/// `transposed_experts`, which no model has whose files keep each expert by itself. Leaves models
/// without experts alone. Throws std::invalid_argument, naming the tensor: another shape, another
/// number of experts, some transposed and some not, too many of them, a type that is not read.
void split_fused_experts(HuggingFaceConfig& config, NamedTensors& tensors);

}  // namespace azimuth
