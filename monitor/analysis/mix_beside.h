#pragma once

#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "analysis/carried.h"
#include "azimuth/mixers.h"

// What reads or writes more of a token than one hidden state, written over the operations of mix.h.
namespace azimuth {

/// At the beginning of a pass. `E`: embeddings; `rows`: ModelWeights::per_layer_rows of the same
/// tokens.
template <class Ops>
Carried<typename Ops::Columns> carried_from(const TokenInputs& inputs,
                                            const typename Ops::Columns& E,
                                            const typename Ops::Columns& rows, Ops& ops) {
  constexpr double kLeastMeanSquare = 1e-5;
  Carried<typename Ops::Columns> carried;
  if (inputs.per_layer) {
    typename Ops::Columns P = ops.product(inputs.per_layer, E);
    ops.multiply_by(P, 1 / std::sqrt(static_cast<double>(E.rows())));
    P = ops.normalised_runs(inputs.per_layer_norm, P, inputs.per_layer_size);
    ops.add(P, rows);
    ops.multiply_by(P, std::numbers::sqrt2 / 2);
    carried.per_layer = std::move(P);
  }
  for (const Projection& projection : inputs.streams) {
    carried.streams.push_back(ops.at_lengths_of(ops.product(projection, E), E, kLeastMeanSquare));
  }
  return carried;
}

template <class Ops>
typename Ops::Columns mix(const LowRankResidual& residual, const typename Ops::Columns& X,
                          Ops& ops) {
  typename Ops::Columns Y =
      ops.normalised(residual.norm, ops.product(residual.output, ops.product(residual.inner, X)));
  ops.add(Y, X);
  return Y;
}

template <class Ops>
typename Ops::Columns mix(const PerLayerInput& input, const typename Ops::Columns& X,
                          Carried<typename Ops::Columns>& carried, Ops& ops) {
  typename Ops::Columns gate = ops.product(input.gate, X);
  ops.activate(input.activation, gate);
  ops.multiply_by(gate, ops.rows(carried.per_layer, input.first, gate.rows()));
  return ops.product(input.output, gate);
}

/// The weights that streams are added with, from the first.
template <class Ops>
typename Ops::Columns stream_weights(const AlternatingUpdates& updates, const Projection& weights,
                                     const typename Ops::Columns& H, Ops& ops) {
  typename Ops::Columns routed = ops.product(updates.router, ops.normalised(updates.norm, H));
  ops.tanh(routed);
  return ops.product(weights, routed);
}

/// Before the mixers of a block: `H` is the first stream.
template <class Ops>
void predict_streams(const AlternatingUpdates& updates, typename Ops::Columns& H,
                     Carried<typename Ops::Columns>& carried, Ops& ops) {
  const typename Ops::Columns weights = stream_weights(updates, updates.prediction, H, ops);
  std::vector<typename Ops::Columns> before = {H};
  for (const typename Ops::Columns& stream : carried.streams) before.push_back(stream);
  for (std::size_t to = 0; to < before.size(); ++to) {
    typename Ops::Columns& stream = to == 0 ? H : carried.streams[to - 1];
    for (std::size_t from = 0; from < before.size(); ++from) {
      ops.add_weighted(stream, before[from], weights,
                       static_cast<std::int64_t>(to * before.size() + from));
    }
  }
}

/// Behind them: `predicted` is what they began with, and `H` what they left.
template <class Ops>
void correct_streams(const AlternatingUpdates& updates, const typename Ops::Columns& predicted,
                     typename Ops::Columns& H, Carried<typename Ops::Columns>& carried, Ops& ops) {
  const typename Ops::Columns weights = stream_weights(updates, updates.correction, H, ops);
  const typename Ops::Columns change = ops.difference(H, predicted);
  ops.add_weighted(H, change, weights, 0);
  for (std::size_t i = 0; i < carried.streams.size(); ++i) {
    ops.add(carried.streams[i], change);
    ops.add_weighted(carried.streams[i], change, weights, static_cast<std::int64_t>(i) + 1);
  }
  if (!updates.per_layer) return;
  typename Ops::Columns X = H;
  ops.multiply_rows(X, updates.per_layer_scale);
  X = ops.normalised(updates.per_layer_norm, mix(*updates.per_layer, X, carried, ops));
  for (typename Ops::Columns& stream : carried.streams) ops.add(stream, X);
}

}  // namespace azimuth
