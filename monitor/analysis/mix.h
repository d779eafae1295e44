#pragma once

#include <limits>
#include <variant>

#include "analysis/carried.h"
#include "analysis/mix_beside.h"
#include "analysis/mix_recurrent.h"
#include "azimuth/mixers.h"

// What each mixer computes for one token, written over a small set of operations, `Ops`: one text,
// whether numbers lie in host memory (host_operations.h) or elsewhere. A column of `Columns` is a
// token. Source: docs/method.md, 1, and each family's reference implementation.
namespace azimuth {

template <class Ops>
typename Ops::Columns values_of(const Attention& attention, const typename Ops::Columns& X,
                                Carried<typename Ops::Columns>& carried, Ops& ops) {
  if (!attention.value) return carried.values.at(attention.shared_values);
  typename Ops::Columns values = ops.product(attention.value, X);
  if (attention.clip > 0) ops.clamp(values, -attention.clip, attention.clip);
  if (attention.value_norm.kind != NormKind::none) {
    values = ops.normalised_runs(attention.value_norm, values, attention.head_size);
  }
  if (attention.shared_values > 0) carried.values[attention.shared_values] = values;
  return values;
}

/// What each head reads of the values: of one token its own, of which a sink leaves a share. Of
/// sequences operations have a text of their own (decoder/attention.cpp).
template <class Ops>
typename Ops::Columns attended(const Attention& attention, const typename Ops::Columns& X,
                               const typename Ops::Columns& values, Ops& ops) {
  typename Ops::Columns read = ops.repeated(values, attention.head_size, attention.repeats);
  if (attention.sinks) {
    typename Ops::Columns share = ops.inner_products(
        ops.product(attention.sinks->query, X),
        ops.repeated(ops.product(attention.sinks->key, X), attention.head_size, attention.repeats),
        attention.head_size);
    ops.multiply_by(share, attention.sinks->scale);
    ops.add_to_rows(share, attention.sinks->offset);
    ops.sigmoid(share);
    ops.multiply_by(read, ops.repeated(share, 1, attention.head_size));
  }
  return read;
}

/// Multiplies what the heads read, `values`, with their gate, if they have one.
template <class Ops>
void multiply_by_gate(const Attention& attention, const typename Ops::Columns& X,
                      typename Ops::Columns& values, Ops& ops) {
  if (!attention.gate) return;
  typename Ops::Columns gate = ops.product(attention.gate, X);
  ops.sigmoid(gate);
  ops.multiply_by(values, gate);
}

template <class Ops>
typename Ops::Columns mix(const Attention& attention, const typename Ops::Columns& X,
                          Carried<typename Ops::Columns>& carried, Ops& ops) {
  typename Ops::Columns values = attended(attention, X, values_of(attention, X, carried, ops), ops);
  multiply_by_gate(attention, X, values, ops);
  return ops.product(attention.output, values);
}

// Of one token its own value, whole.
template <class Ops>
typename Ops::Columns attended(const LatentAttention&, const typename Ops::Columns&,
                               const typename Ops::Columns&, typename Ops::Columns values, Ops&) {
  return values;
}

template <class Ops>
typename Ops::Columns mix(const LatentAttention& attention, const typename Ops::Columns& X,
                          Ops& ops) {
  const typename Ops::Columns latent =
      ops.normalised(attention.norm, ops.product(attention.latent, X));
  return ops.product(attention.output,
                     attended(attention, X, latent, ops.product(attention.value, latent), ops));
}

template <class Ops>
typename Ops::Columns mix(const FeedForward& ffn, const typename Ops::Columns& X, Ops& ops) {
  typename Ops::Columns inner = ops.product(ffn.up, X);
  if (ffn.gate) {
    typename Ops::Columns gate = ops.product(ffn.gate, X);
    if (ffn.gate_cut) ops.cut(gate, *ffn.gate_cut);
    const auto& [limit, steepness] = ffn.clamp;
    if (limit > 0) {
      constexpr double kNone = std::numeric_limits<double>::infinity();
      ops.clamp(inner, -limit, limit);
      ops.add(inner, 1);
      ops.clamp(gate, -kNone, limit);
      ops.multiply_by(gate, steepness);
      ops.multiply_by(inner, 1 / steepness);
    }
    ops.activate(ffn.activation, gate, ffn.xielu);
    ops.multiply_by(inner, gate);
  } else {
    ops.activate(ffn.activation, inner, ffn.xielu);
  }
  return ops.product(ffn.down, inner);
}

/// How much each token takes of the shared expert, where that has a gate: a row.
template <class Ops>
typename Ops::Columns shared_share(const Experts& mixture, const typename Ops::Columns& X,
                                   Ops& ops) {
  typename Ops::Columns gate = ops.product(mixture.shared_gate, X);
  ops.sigmoid(gate);
  return gate;
}

// Each expert sees only the tokens that are sent to it.
template <class Ops>
typename Ops::Columns mix(const Experts& mixture, const typename Ops::Columns& X, Ops& ops) {
  const auto shares =
      ops.shares(mixture.routing, mixture.choice_bias,
                 ops.product(mixture.router, ops.normalised(mixture.norms.router, X)));
  typename Ops::Columns read = ops.normalised(mixture.norms.input, X);
  if (mixture.input) read = ops.product(mixture.input, read);
  typename Ops::Columns Y = ops.zeros_like(read);
  for (std::size_t expert = 0; expert < mixture.experts.size(); ++expert) {
    const auto tokens = shares.tokens_of(expert);
    if (tokens.empty()) continue;
    ops.count_expert();
    typename Ops::Columns Z = ops.columns(read, tokens);
    const auto share = shares.of(expert, tokens);
    if (mixture.routing.scales_input) ops.scale(Z, share);
    Z = mix(mixture.experts[expert], Z, ops);
    if (!mixture.routing.scales_input) ops.scale(Z, share);
    ops.add_to(Y, tokens, Z);
  }
  if (mixture.output) Y = ops.product(mixture.output, Y);
  Y = ops.normalised(mixture.norms.output, Y);
  if (mixture.shared) {
    typename Ops::Columns Z =
        mix(*mixture.shared, ops.normalised(mixture.norms.shared_input, X), ops);
    Z = ops.normalised(mixture.norms.shared_output, Z);
    if (mixture.shared_gate) ops.scale(Z, shared_share(mixture, X, ops));
    ops.add(Y, Z);
  }
  return Y;
}

// Most read nothing but the hidden state.
template <class Work, class Ops>
typename Ops::Columns mix(const Work& work, const typename Ops::Columns& X,
                          Carried<typename Ops::Columns>&, Ops& ops) {
  return mix(work, X, ops);
}

/// What a mixer adds to hidden states `H`, its norms included.
template <class Ops>
typename Ops::Columns output_of(const Mixer& mixer, const typename Ops::Columns& H,
                                Carried<typename Ops::Columns>& carried, Ops& ops) {
  const typename Ops::Columns X = ops.normalised(mixer.norm, H);
  return ops.normalised(
      mixer.output_norm,
      std::visit([&](const auto& work) { return mix(work, X, carried, ops); }, mixer.work));
}

}  // namespace azimuth
