#pragma once

#include "azimuth/mixers.h"

// What mixers that keep a state over tokens compute for one token, whose state before it is empty,
// over the operations of mix.h. The decay of the state plays no part. Source: docs/method.md, 1.
namespace azimuth {

template <class Ops>
void convolve(const Convolution& convolution, typename Ops::Columns& X, Ops& ops) {
  ops.multiply_rows(X, convolution.tap);
  ops.add_to_rows(X, convolution.bias);
}

template <class Ops>
typename Ops::Columns mix(const DeltaRule& rule, const typename Ops::Columns& X, Ops& ops) {
  typename Ops::Columns all = ops.product(rule.input, X);
  convolve(rule.convolution, all, ops);
  ops.activate(rule.activation, all);
  const auto keys = rule.key_norm.weight.size();
  const typename Ops::Columns queries =
      ops.normalised_runs(rule.query_norm, ops.rows(all, 0, keys), rule.key_size);
  typename Ops::Columns read = ops.inner_products(
      queries, ops.normalised_runs(rule.key_norm, ops.rows(all, keys, keys), rule.key_size),
      rule.key_size);
  read = ops.repeated(read, rule.tiled ? keys / rule.key_size : 1, rule.repeats);
  typename Ops::Columns strength = ops.product(rule.strength, X);
  ops.sigmoid(strength);
  ops.multiply_by(read, strength);
  typename Ops::Columns values = ops.rows(all, 2 * keys, rule.norm.weight.size());
  ops.multiply_by(values, ops.repeated(read, 1, rule.value_size));
  values = ops.normalised_runs(rule.norm, values, rule.value_size);
  typename Ops::Columns gate = ops.product(rule.gate, X);
  ops.activate(Activation::silu, gate);
  ops.multiply_by(values, gate);
  return ops.product(rule.output, values);
}

template <class Ops>
typename Ops::Columns mix(const StateSpace& space, const typename Ops::Columns& X, Ops& ops) {
  const auto inner = space.heads * space.head_size;
  const auto states = space.groups * space.state_size;
  const typename Ops::Columns all = ops.product(space.input, X);
  typename Ops::Columns convolved = ops.rows(all, inner, inner + 2 * states);
  convolve(space.convolution, convolved, ops);
  ops.activate(space.activation, convolved);

  typename Ops::Columns step = ops.rows(all, 2 * inner + 2 * states, space.heads);
  ops.add_to_rows(step, space.step_bias);
  ops.softplus(step);
  ops.clamp(step, space.step_min, space.step_max);
  typename Ops::Columns read = ops.repeated(
      ops.inner_products(ops.rows(convolved, inner, states),
                         ops.rows(convolved, inner + states, states), space.state_size),
      1, space.heads / space.groups);
  ops.multiply_by(read, step);
  ops.add_to_rows(read, space.skip);

  typename Ops::Columns y = ops.rows(convolved, 0, inner);
  ops.multiply_by(y, ops.repeated(read, 1, space.head_size));
  typename Ops::Columns gate = ops.rows(all, 0, inner);
  ops.activate(Activation::silu, gate);
  if (!space.gate_last) ops.multiply_by(y, gate);
  y = ops.normalised_runs(space.norm, y, inner / space.groups);
  if (space.gate_last) ops.multiply_by(y, gate);
  return ops.product(space.output, y);
}

template <class Ops>
typename Ops::Columns mix(const SelectiveStateSpace& space, const typename Ops::Columns& X,
                          Ops& ops) {
  const auto inner = space.inner_size;
  const typename Ops::Columns all = ops.product(space.input, X);
  typename Ops::Columns u = ops.rows(all, 0, inner);
  convolve(space.convolution, u, ops);
  ops.activate(space.activation, u);

  const typename Ops::Columns parameters = ops.product(space.parameters, u);
  typename Ops::Columns factor = ops.product(
      space.step, ops.normalised(space.step_norm, ops.rows(parameters, 0, space.step_rank)));
  ops.softplus(factor);
  const typename Ops::Columns written =
      ops.normalised(space.write_norm, ops.rows(parameters, space.step_rank, space.state_size));
  const typename Ops::Columns read = ops.normalised(
      space.read_norm, ops.rows(parameters, space.step_rank + space.state_size, space.state_size));
  ops.multiply_by(factor,
                  ops.repeated(ops.inner_products(written, read, space.state_size), 1, inner));
  ops.add_to_rows(factor, space.skip);
  ops.multiply_by(u, factor);
  typename Ops::Columns gate = ops.rows(all, inner, inner);
  ops.activate(Activation::silu, gate);
  ops.multiply_by(u, gate);
  return ops.product(space.output, u);
}

template <class Ops>
typename Ops::Columns mix(const ShortConvolution& mixer, const typename Ops::Columns& X, Ops& ops) {
  const auto channels = mixer.convolution.tap.size();
  const typename Ops::Columns all = ops.product(mixer.input, X);
  typename Ops::Columns y = ops.rows(all, 2 * channels, channels);
  ops.multiply_by(y, ops.rows(all, 0, channels));
  convolve(mixer.convolution, y, ops);
  ops.multiply_by(y, ops.rows(all, channels, channels));
  return ops.product(mixer.output, y);
}

}  // namespace azimuth
