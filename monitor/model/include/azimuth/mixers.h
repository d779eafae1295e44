#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "azimuth/activation.h"
#include "azimuth/architecture.h"
#include "azimuth/linear_map.h"

namespace azimuth {

/// `W x + b`.
struct Projection {
  std::shared_ptr<const LinearMap> map;  ///< outputs × inputs; null: there is no such projection
  Eigen::VectorXf bias;                  ///< empty: none

  explicit operator bool() const { return map != nullptr; }
};

struct Norm {
  NormKind kind = NormKind::none;
  double epsilon = 0;
  Eigen::VectorXf weight;  ///< what is multiplied with, any offset included; empty: nothing
  Eigen::VectorXf bias;    ///< empty: none
};

/// Each head's softmax has a sink beside the token's own key, and takes a share of its value alone:
/// `σ(scale q·k + offset)`.
struct AttentionSinks {
  Projection query;  ///< heads * head_size × hidden_size
  Projection key;    ///< kv_heads * head_size × hidden_size
  double scale = 1;
  Eigen::VectorXf offset;  ///< one a head: minus the sink's logit
};

/// How much a token reads of itself and of those before it: the softmax over them of
/// `scale q·k`, with positions.
struct AttentionScores {
  Projection query;            ///< heads * key size × hidden_size
  Projection key;              ///< kv_heads * key size × hidden_size
  std::int64_t head_size = 0;  ///< of queries and keys
  Norm query_norm;             ///< of every head, or of all at once, as its weight has numbers
  Norm key_norm;
  bool norms_of_all = false;  ///< of all heads at once
  bool norms_behind_rotary = false;
  double scale = 1;
  double cap = 0;  ///< logits become cap · tanh(x / cap); 0: they do not
  AttentionReach reach;
  Eigen::VectorXf sinks;  ///< one logit a head, beside those of tokens; empty: none
};

/// What attention makes of one token. Its softmax over one key is 1 (docs/method.md, 1):
/// `W_O (σ(W_g x + b_g) ∘ rep(W_V x + b_V)) + b_O`, without the first factor where it has no gate.
struct Attention {
  Projection value;  ///< kv_heads * head_size × hidden_size; none: another block's values
  double clip = 0;   ///< values are cut to [-clip, clip]; 0: they are not
  Norm value_norm;   ///< of the value of each KV head
  /// The block, from 1, that values are of which several blocks read; 0: no other does.
  std::int64_t shared_values = 0;
  std::int64_t head_size = 0;  ///< of values
  std::int64_t repeats = 1;    ///< heads that share a KV head, which are consecutive
  Projection gate;             ///< heads * head_size × hidden_size
  Projection output;           ///< hidden_size × heads * head_size
  std::optional<AttentionSinks> sinks;
  /// Only where it is read for sequences (ModelWeights::for_sequences): over one token the softmax
  /// is 1, or what the sinks leave.
  std::optional<AttentionScores> scores;
};

/// How much a token reads of itself and of those before it, where keys too are made from a vector
/// of fewer numbers: the softmax over them of `scale (q·k + r·s)`, of which r and s turn by
/// position.
struct LatentScores {
  Projection query_latent;  ///< query rank × hidden_size; none: queries read what attention reads
  Norm query_norm;          ///< of what it gives
  Projection query;         ///< of each head q, then r: heads * (key_size + turning_size) × that
  Projection key;           ///< k: heads * key_size × rank
  Projection turning_key;   ///< s, of all heads: turning_size × hidden_size
  std::int64_t key_size = 0;
  std::int64_t turning_size = 0;
  double scale = 1;
  AttentionReach reach;
};

/// The same where values are made from a normed vector of fewer numbers: `W_O W_V norm(W_c x)`.
struct LatentAttention {
  Projection latent;  ///< rank × hidden_size
  Norm norm;
  Projection value;                    ///< heads * head_size × rank
  std::int64_t head_size = 0;          ///< of values
  Projection output;                   ///< hidden_size × heads * head_size
  std::optional<LatentScores> scores;  ///< as of Attention
};

/// A convolution over the tokens of each channel. One token meets its last tap alone.
struct Convolution {
  Eigen::VectorXf tap;   ///< one number a channel
  Eigen::VectorXf bias;  ///< empty: none
  Eigen::VectorXf
      taps;  ///< all of a channel, then those of the next; only where read for sequences
};

/// A gated delta rule (Yang et al., arXiv 2412.06464). One token is written into an empty state and
/// read from it: its value comes back times (q·k) β. Heads of queries and keys serve several
/// heads of values each. Over several tokens a state decays by exp(−exp(a) softplus(W x + b))
/// before each; only where it is read for sequences W, b and a are.
struct DeltaRule {
  Projection input;         ///< queries, keys, values, all heads of each
  Convolution convolution;  ///< of what `input` gives, before the activation
  Activation activation = Activation::silu;
  std::int64_t key_heads = 0;   ///< of queries and of keys
  std::int64_t key_size = 0;    ///< numbers a head of queries and keys
  std::int64_t value_size = 0;  ///< numbers a head of values
  std::int64_t repeats = 1;     ///< value heads for each key head
  bool tiled = false;           ///< they are every so many, not consecutive
  Norm length;                  ///< of each head: of keys to 1, of queries to 1 / √key_size
  Projection strength;          ///< β, before a sigmoid: value heads × hidden_size
  Projection decay;             ///< W: value heads × hidden_size
  Eigen::VectorXf decay_bias;   ///< b: one number a value head
  Eigen::VectorXf decay_rate;   ///< a: one number a value head
  Norm norm;                    ///< of each head of values that was read
  Projection gate;              ///< before SiLU: value heads * value_size × hidden_size
  Projection output;
};

/// Mamba-2 (Dao, Gu, arXiv 2405.21060). One token meets an empty state: of each head x comes back
/// times Δ (B·C) + D.
struct StateSpace {
  /// z, x, B, C and Δ, one below the other: `heads * head_size` numbers each of the first two,
  /// `groups * state_size` each of the next two, `heads` of the last.
  Projection input;
  Convolution convolution;  ///< of x, B and C, before the activation
  Activation activation = Activation::silu;
  std::int64_t heads = 0;
  std::int64_t head_size = 0;
  std::int64_t groups = 0;  ///< of consecutive heads, which share B and C
  std::int64_t state_size = 0;
  Eigen::VectorXf step_bias;  ///< added to Δ before its softplus: one number a head
  double step_min = 0;
  double step_max = 0;
  /// a, one number a head: a state decays by exp(−exp(a) Δ) before each token. Only where it is
  /// read for sequences.
  Eigen::VectorXf decay_rate;
  Eigen::VectorXf skip;   ///< D: one number a head
  Norm norm;              ///< within each group
  bool gate_last = true;  ///< times SiLU(z) after the norm, not before
  Projection output;
};

/// Mamba-1 (Gu, Dao, arXiv 2312.00752), with norms of Δ, B and C as in Jamba (arXiv 2403.19887).
/// One token meets an empty state: each number u comes back times Δ (B·C) + D.
struct SelectiveStateSpace {
  Projection input;         ///< u, then z: `inner_size` numbers each
  Convolution convolution;  ///< of u, before the activation
  Activation activation = Activation::silu;
  std::int64_t inner_size = 0;
  std::int64_t state_size = 0;
  std::int64_t step_rank = 0;
  Projection parameters;  ///< of u: what Δ is made of, B, C
  Norm step_norm, write_norm, read_norm;
  Projection step;             ///< Δ, before its softplus: inner_size × step_rank
  Eigen::VectorXf decay_rate;  ///< as of StateSpace, but inner_size × state_size, row after row
  Eigen::VectorXf skip;        ///< D: inner_size numbers
  Projection output;
};

/// The short convolution of LFM2: `W_out (C ∘ conv(B ∘ u))`.
struct ShortConvolution {
  Projection input;  ///< B, C, u: hidden_size numbers each
  Convolution convolution;
  Projection output;
};

/// A feed-forward network, or one expert of a mixture: `W_D (act(W_G x + b_G) ∘ (W_U x + b_U))`, or
/// `W_D act(W_U x + b_U)` where it has no gate.
struct FeedForward {
  Projection gate;  ///< ffn_size × hidden_size
  Projection up;
  Projection down;  ///< hidden_size × ffn_size
  Activation activation = Activation::silu;
  Xielu xielu = {};  ///< where that is the activation
  ClampedGate clamp = {};
  /// Of the numbers that the gate gives only what lies so many standard deviations above their mean
  /// is activated, less that (Gemma 3n).
  std::optional<double> gate_cut = {};
};

/// `x + norm(W_2 W_1 x)`, a learned residual of low rank (LAuReL, arXiv 2411.07501).
struct LowRankResidual {
  Projection inner;   ///< rank × hidden_size
  Projection output;  ///< hidden_size × rank
  Norm norm;
};

/// What a token's id gives a block, as far as its hidden state lets it in (Gemma 3n and 4):
/// `W_P (act(W_G x) ∘ p)`, p being the token's numbers for this block (TokenInputs).
struct PerLayerInput {
  Projection gate;    ///< per_layer_size × hidden_size
  Projection output;  ///< hidden_size × per_layer_size
  Activation activation = Activation::silu;
  std::int64_t first = 0;  ///< where the numbers of this block begin among those of all
};

/// Norms that a mixture has of its own, each of what its parts read or write (Gemma 4).
struct ExpertNorms {
  Norm router, input, output;
  Norm shared_input, shared_output;

  bool any() const {
    for (const Norm* norm : {&router, &input, &output, &shared_input, &shared_output}) {
      if (norm->kind != NormKind::none) return true;
    }
    return false;
  }
};

/// Feed-forward networks of which a router sends each token to a few.
struct Experts {
  Projection router;            ///< experts × hidden_size
  Eigen::VectorXf choice_bias;  ///< one an expert (Routing::choice_bias); empty: none
  Routing routing;
  Projection input;  ///< of what the experts read; null: they read it as it is
  std::vector<FeedForward> experts;
  Projection output;                  ///< of what they give together
  std::optional<FeedForward> shared;  ///< every token goes to it, whole
  ExpertNorms norms;
  Projection shared_gate;  ///< 1 × hidden_size: the logit whose sigmoid `shared` is multiplied with
};

/// Whatever writes to the residual stream: `output_norm(work(norm(h)))` is added to it.
struct Mixer {
  /// It reads the state that the mixer before it read, not what that one left.
  bool beside = false;
  Norm norm;
  std::variant<Attention, LatentAttention, DeltaRule, StateSpace, SelectiveStateSpace,
               ShortConvolution, LowRankResidual, FeedForward, Experts, PerLayerInput>
      work;
  Norm output_norm;
  /// What the residual stream is multiplied with once this has been added.
  double stream_scale = 1;

  /// Whether other tokens count in a longer sequence: what the zero-attention pass leaves out.
  bool mixes_tokens() const {
    return !std::holds_alternative<FeedForward>(work) && !std::holds_alternative<Experts>(work) &&
           !std::holds_alternative<LowRankResidual>(work) &&
           !std::holds_alternative<PerLayerInput>(work);
  }
};

/// Alternating updates (Baykal et al., arXiv 2301.13310): beside the residual stream that mixers
/// read and write there are others of its size. Before the mixers every stream becomes a sum of
/// itself and all, weighted; behind them it moves by its share of what they changed of the first.
/// The weights are linear in `tanh(W_R norm(h))` of the first.
struct AlternatingUpdates {
  Norm norm;
  Projection router;      ///< streams × hidden_size
  Projection prediction;  ///< streams² × streams: those of a stream, then those of the next
  Projection correction;  ///< streams × streams: shares, less 1
  /// Written to all streams but the first, which it reads, scaled. None in the last block, behind
  /// which nobody reads them.
  std::optional<PerLayerInput> per_layer = {};
  Eigen::VectorXf per_layer_scale;  ///< empty: none
  Norm per_layer_norm;
};

/// What blocks read of a token beside its hidden state, made once for all of them, e being its
/// embedding.
struct TokenInputs {
  /// Of PerLayerInput, those of all blocks one below the other: `(norm(W e / √hidden_size) + t) /
  /// √2`, t being the token's row of a table.
  Projection per_layer;
  std::int64_t per_layer_size = 0;  ///< of one block
  Norm per_layer_norm;              ///< within a block; its weight is that of all
  /// What further streams begin with: `W e`, at the length of e.
  std::vector<Projection> streams;
};

/// The mixers of a block, in the order in which they write.
struct BlockWeights {
  std::vector<Mixer> mixers;
  std::optional<AlternatingUpdates> streams = {};

  /// The first whose work is that; null: there is none.
  template <class Work>
  const Mixer* mixer() const {
    for (const Mixer& mixer : mixers) {
      if (std::holds_alternative<Work>(mixer.work)) return &mixer;
    }
    return nullptr;
  }

  template <class Work>
  const Work* work() const {
    const Mixer* const found = mixer<Work>();
    return found == nullptr ? nullptr : &std::get<Work>(found->work);
  }

  /// That of the FFN, or of the mixture that stands in its place; null: there is neither.
  const Mixer* ffn() const {
    const Mixer* const one = mixer<FeedForward>();
    return one != nullptr ? one : mixer<Experts>();
  }
  /// Its feed-forward networks in the residual stream: one, or one an expert. Experts between two
  /// projections are not in it.
  std::span<const FeedForward> feed_forwards() const {
    if (const auto* const one = work<FeedForward>()) return {one, 1};
    const auto* const many = work<Experts>();
    if (many != nullptr && !many->input) return many->experts;
    return {};
  }
};

}  // namespace azimuth
