#pragma once

#include <cmath>

#include "azimuth/mixers.h"

// What mixers that keep a state over tokens compute, over the operations of mix.h. What is read of
// the state, `scanned`, stands here for one token alone, before which it is empty: its decay plays
// no part. Of sequences operations have a text of their own (decoder/recurrence.cpp). Source:
// docs/method.md, 1.
namespace azimuth {

template <class Ops>
void convolve(const Convolution& convolution, typename Ops::Columns& X, Ops& ops) {
  ops.multiply_rows(X, convolution.tap);
  ops.add_to_rows(X, convolution.bias);
}

template <class Ops>
typename Ops::Columns scanned(const DeltaRule& rule, const typename Ops::Columns&,
                              const typename Ops::Columns& queries,
                              const typename Ops::Columns& keys,
                              const typename Ops::Columns& strength, typename Ops::Columns values,
                              Ops& ops) {
  typename Ops::Columns read = ops.inner_products(queries, keys, rule.key_size);
  read = ops.repeated(read, rule.tiled ? rule.key_heads : 1, rule.repeats);
  ops.multiply_by(read, strength);
  ops.multiply_by(values, ops.repeated(read, 1, rule.value_size));
  return values;
}

template <class Ops>
typename Ops::Columns mix(const DeltaRule& rule, const typename Ops::Columns& X, Ops& ops) {
  const auto size = static_cast<double>(rule.key_size);
  const auto count = rule.key_heads * rule.key_size;
  typename Ops::Columns all = ops.product(rule.input, X);
  convolve(rule.convolution, all, ops);
  ops.activate(rule.activation, all);
  typename Ops::Columns queries =
      ops.normalised_runs(rule.length, ops.rows(all, 0, count), rule.key_size);
  ops.multiply_by(queries, 1 / size);
  typename Ops::Columns keys =
      ops.normalised_runs(rule.length, ops.rows(all, count, count), rule.key_size);
  ops.multiply_by(keys, 1 / std::sqrt(size));
  typename Ops::Columns strength = ops.product(rule.strength, X);
  ops.sigmoid(strength);
  typename Ops::Columns values =
      ops.rows(all, 2 * count, rule.key_heads * rule.repeats * rule.value_size);
  values = scanned(rule, X, queries, keys, strength, values, ops);
  values = ops.normalised_runs(rule.norm, values, rule.value_size);
  typename Ops::Columns gate = ops.product(rule.gate, X);
  ops.activate(Activation::silu, gate);
  ops.multiply_by(values, gate);
  return ops.product(rule.output, values);
}

template <class Ops>
typename Ops::Columns scanned(const StateSpace& space, typename Ops::Columns x,
                              const typename Ops::Columns& written,
                              const typename Ops::Columns& read, const typename Ops::Columns& step,
                              Ops& ops) {
  typename Ops::Columns factor = ops.repeated(ops.inner_products(written, read, space.state_size),
                                              1, space.heads / space.groups);
  ops.multiply_by(factor, step);
  ops.add_to_rows(factor, space.skip);
  ops.multiply_by(x, ops.repeated(factor, 1, space.head_size));
  return x;
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
  typename Ops::Columns y =
      scanned(space, ops.rows(convolved, 0, inner), ops.rows(convolved, inner, states),
              ops.rows(convolved, inner + states, states), step, ops);
  typename Ops::Columns gate = ops.rows(all, 0, inner);
  ops.activate(Activation::silu, gate);
  if (!space.gate_last) ops.multiply_by(y, gate);
  y = ops.normalised_runs(space.norm, y, inner / space.groups);
  if (space.gate_last) ops.multiply_by(y, gate);
  return ops.product(space.output, y);
}

template <class Ops>
typename Ops::Columns scanned(const SelectiveStateSpace& space, typename Ops::Columns u,
                              const typename Ops::Columns& written,
                              const typename Ops::Columns& read, typename Ops::Columns step,
                              Ops& ops) {
  ops.multiply_by(
      step, ops.repeated(ops.inner_products(written, read, space.state_size), 1, space.inner_size));
  ops.add_to_rows(step, space.skip);
  ops.multiply_by(u, step);
  return u;
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
  typename Ops::Columns step = ops.product(
      space.step, ops.normalised(space.step_norm, ops.rows(parameters, 0, space.step_rank)));
  ops.softplus(step);
  const typename Ops::Columns written =
      ops.normalised(space.write_norm, ops.rows(parameters, space.step_rank, space.state_size));
  const typename Ops::Columns read = ops.normalised(
      space.read_norm, ops.rows(parameters, space.step_rank + space.state_size, space.state_size));
  u = scanned(space, u, written, read, step, ops);
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
