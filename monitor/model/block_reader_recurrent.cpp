#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "model/block_reader.h"

namespace azimuth {
namespace {

// rsqrt(Σ x² + ε) is, but for √size, a root mean square of another ε (Qwen3-Next).
Norm length_of(std::int64_t size) {
  constexpr double kEpsilon = 1e-6;
  return {NormKind::rms, kEpsilon / static_cast<double>(size), {}, {}};
}

}  // namespace

Convolution BlockReader::convolution(std::int64_t b, std::int64_t channels) const {
  const Eigen::MatrixXf taps =
      tensors_.taps(Role::convolution_weight, b, channels, a_.convolution_taps);
  Convolution convolution = {taps.bottomRows(1).transpose(),
                             tensors_.vector_or_empty(Role::convolution_bias, b, channels),
                             {}};
  if (for_sequences_) convolution.taps = taps.reshaped();
  return convolution;
}

// Without the offset that the norms of a family may have.
Norm BlockReader::recurrent_norm(Role weight, std::int64_t b, std::int64_t size) const {
  return {NormKind::rms, a_.norm_epsilon, tensors_.vector(weight, b, size), {}};
}

// Of a matrix that has for each key head parts of these sizes, one behind the other: the rows of
// some of the parts, each of all heads.
Projection BlockReader::by_key_head(Role role, std::int64_t b, std::span<const std::int64_t> sizes,
                                    std::initializer_list<std::size_t> parts) const {
  std::vector<std::int64_t> ends = {0};
  for (const std::int64_t size : sizes) ends.push_back(ends.back() + size);
  const std::int64_t heads = a_.delta_rule.key_heads;
  std::vector<std::pair<std::int64_t, std::int64_t>> runs;
  for (const std::size_t part : parts) {
    for (std::int64_t head = 0; head < heads; ++head) {
      runs.emplace_back(head * ends.back() + ends[part], sizes[part]);
    }
  }
  // None of them has a bias: the role is asked for one that it does not have.
  return tensors_.runs(role, Role::recurrent_input_bias, b,
                       {heads * ends.back(), sizes_.hidden, false}, runs);
}

DeltaRule BlockReader::delta_rule(std::int64_t b) const {
  const DeltaRuleSizes& sizes = a_.delta_rule;
  const std::int64_t d = sizes_.hidden;
  const std::int64_t keys = sizes.key_heads * sizes.key_size;
  const std::int64_t values = sizes.value_heads * sizes.value_size;
  DeltaRule rule;
  rule.activation = a_.activation;
  rule.key_heads = sizes.key_heads;
  rule.key_size = sizes.key_size;
  rule.value_size = sizes.value_size;
  rule.repeats = sizes.value_heads / sizes.key_heads;
  rule.tiled = sizes.layout == DeltaRuleLayout::tiled;
  const auto matrix = [&](Role role, std::int64_t outputs) {
    return Projection{tensors_.map(role, b, 0, {outputs, d, false}), {}};
  };
  if (sizes.layout == DeltaRuleLayout::by_key_head) {
    const std::array parts = {sizes.key_size, sizes.key_size, rule.repeats * sizes.value_size,
                              rule.repeats * sizes.value_size};
    rule.input = by_key_head(Role::recurrent_input_weight, b, parts, {0, 1, 2});
    rule.gate = by_key_head(Role::recurrent_input_weight, b, parts, {3});
  } else {
    rule.input = matrix(Role::recurrent_input_weight, 2 * keys + values);
    rule.gate = matrix(Role::recurrent_gate_weight, values);
  }
  if (sizes.strengths_by_key_head()) {
    const std::array both = {rule.repeats, rule.repeats};
    rule.strength = by_key_head(Role::recurrent_strength_decay_weight, b, both, {0});
    if (for_sequences_) {
      rule.decay = by_key_head(Role::recurrent_strength_decay_weight, b, both, {1});
    }
  } else {
    rule.strength = matrix(Role::recurrent_strength_weight, sizes.value_heads);
    if (for_sequences_) rule.decay = matrix(Role::recurrent_decay_weight, sizes.value_heads);
  }
  if (for_sequences_) {
    rule.decay_bias = tensors_.vector(Role::recurrent_decay_bias, b, sizes.value_heads);
    rule.decay_rate = tensors_.vector(Role::recurrent_decay, b, sizes.value_heads);
  }
  rule.convolution = convolution(b, 2 * keys + values);
  rule.length = length_of(sizes.key_size);
  rule.norm = recurrent_norm(Role::recurrent_norm_weight, b, sizes.value_size);
  rule.output.map = tensors_.map(Role::recurrent_output_weight, b, 0, {d, values, false});
  return rule;
}

StateSpace BlockReader::state_space(std::int64_t b) const {
  const StateSpaceSettings& settings = a_.state_space;
  const std::int64_t inner = settings.heads * settings.head_size;
  const std::int64_t states = settings.groups * settings.state_size;
  const std::array<std::int64_t, 5> parts = {inner, inner, states, states, settings.heads};
  const std::int64_t all = 2 * inner + 2 * states + settings.heads;
  StateSpace space;
  space.input = projection(Role::recurrent_input_weight, Role::recurrent_input_bias, b, 0, all,
                           sizes_.hidden);
  Eigen::VectorXd factors(all);
  for (std::int64_t first = 0, i = 0; i < std::ssize(parts); ++i) {
    const auto part = static_cast<std::size_t>(i);
    factors.segment(first, parts[part]).setConstant(settings.multipliers[part]);
    first += parts[part];
  }
  space.input = scaled(std::move(space.input), factors);
  space.convolution = convolution(b, inner + 2 * states);
  space.activation = settings.activation;
  space.heads = settings.heads;
  space.head_size = settings.head_size;
  space.groups = settings.groups;
  space.state_size = settings.state_size;
  space.step_bias = tensors_.vector(Role::step_bias, b, settings.heads);
  space.step_min = settings.step_min;
  space.step_max = settings.step_max;
  if (for_sequences_) space.decay_rate = tensors_.vector(Role::recurrent_decay, b, settings.heads);
  space.skip = tensors_.vector(Role::skip, b, settings.heads);
  if (settings.norm) space.norm = recurrent_norm(Role::recurrent_norm_weight, b, inner);
  space.gate_last = settings.gate_last;
  space.output = scaled(projection(Role::recurrent_output_weight, Role::recurrent_output_bias, b, 0,
                                   sizes_.hidden, inner),
                        a_.multipliers.state_space_output);
  return space;
}

SelectiveStateSpace BlockReader::selective_state_space(std::int64_t b) const {
  const SelectiveStateSpaceSizes& sizes = a_.selective_state_space;
  const std::int64_t d = sizes_.hidden;
  SelectiveStateSpace space;
  space.input = projection(Role::recurrent_input_weight, Role::recurrent_input_bias, b, 0,
                           2 * sizes.inner_size, d);
  space.convolution = convolution(b, sizes.inner_size);
  space.activation = a_.activation;
  space.inner_size = sizes.inner_size;
  space.state_size = sizes.state_size;
  space.step_rank = sizes.step_rank;
  space.parameters.map =
      tensors_.map(Role::state_parameters_weight, b, 0,
                   {sizes.step_rank + 2 * sizes.state_size, sizes.inner_size, false});
  space.step_norm = recurrent_norm(Role::step_norm_weight, b, sizes.step_rank);
  space.write_norm = recurrent_norm(Role::state_write_norm_weight, b, sizes.state_size);
  space.read_norm = recurrent_norm(Role::state_read_norm_weight, b, sizes.state_size);
  space.step =
      projection(Role::step_weight, Role::step_bias, b, 0, sizes.inner_size, sizes.step_rank);
  if (for_sequences_) {
    const NamedTensor& rates = tensors_.at(Role::recurrent_decay, b);
    if (rates.view.shape != std::vector{sizes.inner_size, sizes.state_size}) {
      reject(rates, "shape " + shape_text(rates.view.shape) + " is not {inner_size, state_size}");
    }
    space.decay_rate = tensors_.all_rows(Role::recurrent_decay, b);
  }
  space.skip = tensors_.vector(Role::skip, b, sizes.inner_size);
  space.output = projection(Role::recurrent_output_weight, Role::recurrent_output_bias, b, 0, d,
                            sizes.inner_size);
  return space;
}

ShortConvolution BlockReader::short_convolution(std::int64_t b) const {
  const std::int64_t d = sizes_.hidden;
  ShortConvolution mixer;
  mixer.input =
      projection(Role::recurrent_input_weight, Role::recurrent_input_bias, b, 0, 3 * d, d);
  mixer.convolution = convolution(b, d);
  mixer.output = projection(Role::recurrent_output_weight, Role::recurrent_output_bias, b, 0, d, d);
  return mixer;
}

}  // namespace azimuth
