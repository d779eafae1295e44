// What reads more of a token than one hidden state: per-layer inputs, and several residual streams.

#include <cmath>
#include <utility>

#include "model/block_reader.h"

namespace azimuth {

Norm BlockReader::norm_without_bias(Role weight, std::int64_t b) const {
  return {a_.norm, a_.norm_epsilon, tensors_.vector(weight, b, sizes_.hidden), {}};
}

Projection BlockReader::matrix(Role role, std::int64_t b, std::int64_t outputs,
                               std::int64_t inputs) const {
  return {tensors_.map(role, b, 0, {outputs, inputs, false}), {}};
}

LowRankResidual BlockReader::low_rank_residual(std::int64_t b) const {
  const NamedTensor& inner = tensors_.at(Role::low_rank_inner_weight, b);
  if (inner.view.shape.empty()) reject(inner, "is not a matrix");
  const std::int64_t rank = inner.view.shape.front();
  LowRankResidual residual;
  residual.inner = matrix(Role::low_rank_inner_weight, b, rank, sizes_.hidden);
  residual.output = matrix(Role::low_rank_output_weight, b, sizes_.hidden, rank);
  residual.norm = norm_without_bias(Role::low_rank_norm_weight, b);
  return residual;
}

PerLayerInput BlockReader::per_layer_input(std::int64_t b) const {
  PerLayerInput input;
  input.gate = matrix(Role::per_layer_gate_weight, b, a_.per_layer_size, sizes_.hidden);
  input.output = matrix(Role::per_layer_output_weight, b, sizes_.hidden, a_.per_layer_size);
  input.activation = a_.activation;
  input.first = (b - 1) * a_.per_layer_size;
  return input;
}

void BlockReader::add_norms(std::int64_t b, Experts& experts) const {
  ExpertNorms& norms = experts.norms;
  norms.router = norm_without_bias(Role::router_norm_weight, b);
  norms.router.weight /= std::sqrt(static_cast<float>(sizes_.hidden));
  norms.input = norm_without_bias(Role::expert_norm_weight, b);
  norms.output = norm_without_bias(Role::expert_output_norm_weight, b);
  if (experts.shared) {
    norms.shared_input = norm_without_bias(Role::ffn_norm_weight, b);
    norms.shared_output = norm_without_bias(Role::shared_output_norm_weight, b);
  }
  const Eigen::VectorXf factors = tensors_.vector(Role::expert_scale, b, a_.experts);
  for (std::int64_t e = 0; e < a_.experts; ++e) {
    Projection& down = experts.experts[static_cast<std::size_t>(e)].down;
    down = scaled(std::move(down), factors[e]);
  }
}

AlternatingUpdates BlockReader::alternating_updates(std::int64_t b) const {
  const std::int64_t n = a_.streams;
  AlternatingUpdates updates;
  updates.norm = norm_without_bias(Role::stream_router_norm_weight, b);
  updates.norm.weight /= static_cast<float>(sizes_.hidden);
  updates.router = matrix(Role::stream_router_weight, b, n, sizes_.hidden);
  updates.prediction = matrix(Role::stream_prediction_weight, b, n * n, n);
  updates.correction = matrix(Role::stream_correction_weight, b, n, n);
  if (a_.per_layer_size == 0 || b == std::ssize(a_.blocks)) return updates;
  updates.per_layer = per_layer_input(b);
  if (a_.stream_output_scale) {
    updates.per_layer_scale = tensors_.vector(Role::stream_output_scale, b, sizes_.hidden);
  }
  updates.per_layer_norm = norm_without_bias(Role::per_layer_norm_weight, b);
  return updates;
}

TokenInputs BlockReader::token_inputs(std::int64_t blocks) const {
  TokenInputs inputs;
  if (const std::int64_t size = a_.per_layer_size; size > 0) {
    const std::int64_t all = blocks * size;
    inputs.per_layer = matrix(Role::per_layer_projection_weight, 0, all, sizes_.hidden);
    inputs.per_layer_size = size;
    inputs.per_layer_norm = {
        a_.norm,
        a_.norm_epsilon,
        tensors_.vector(Role::per_layer_projection_norm_weight, 0, size).replicate(blocks, 1),
        {}};
    const NamedTensor& table = tensors_.at(Role::per_layer_embedding, 0);
    const std::vector<std::int64_t>& shape = table.view.shape;
    const bool fits = shape.size() == 2 && shape[1] == all && shape[0] > 0 &&
                      (a_.per_layer_in_part || shape[0] >= sizes_.vocab);
    if (!fits) {
      reject(table, "shape " + shape_text(shape) + " is not that of " + std::to_string(all) +
                        " numbers for each of " + std::to_string(sizes_.vocab) + " tokens");
    }
  }
  for (std::int64_t i = 0; i + 1 < a_.streams; ++i) {
    inputs.streams.push_back(
        {tensors_.map(Role::stream_projection_weight, 0, i, {sizes_.hidden, sizes_.hidden, false}),
         {}});
  }
  return inputs;
}

}  // namespace azimuth
