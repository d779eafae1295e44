#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "azimuth/activation.h"
#include "azimuth/sequences.h"

namespace azimuth {

/// none: numbers stay as they are.
enum class NormKind { rms, layer, none };

/// Where a block's norms stand: before attention and FFN, after them (OLMo 2), or both (Gemma 2).
enum class NormPlacement { before, after, sandwich };

/// How a fused query-key-value matrix holds its outputs: all queries, all keys, all values; or for
/// each KV head its queries, its key, its value.
enum class QkvLayout { by_kind, by_kv_head };

/// What writes to the residual stream in a block (azimuth/mixers.h).
enum class MixerKind {
  attention,
  delta_rule,
  state_space,
  selective_state_space,
  short_convolution,
  low_rank_residual,
  feed_forward,
  experts,
  per_layer_input,
};

struct MixerPlan {
  MixerKind kind = MixerKind::attention;
  /// It reads the state that the mixer before it read, not what that one left.
  bool beside = false;

  bool operator==(const MixerPlan&) const = default;
};

/// The attention of a block, where blocks differ in it.
struct AttentionPlan {
  std::int64_t kv_heads = 0;
  std::int64_t head_size = 0;
  bool keys_are_values = false;  ///< the key matrix gives both
  std::int64_t values_of = 0;    ///< the block, from 1, whose values it reads; 0: it has its own

  bool operator==(const AttentionPlan&) const = default;
};

/// `values_of` of every block, where each of the last `shared` reads the values of the last block
/// before all of them whose attention reaches as far: over all tokens, which `full` says of each
/// block, or not. Calls `fail` with the reason, and returns what it has, where there is no such
/// block.
std::vector<std::int64_t> value_sources(const std::vector<bool>& full, std::int64_t shared,
                                        const std::function<void(const std::string&)>& fail);

/// How a router shares a token out among experts.
struct Routing {
  enum class Score {
    softmax,  ///< over all experts
    sigmoid,  ///< of each expert's logit
    /// Two experts, one after the other: each the best of those that are left, and its score the
    /// softmax over those of them within `reach` (Phi-3.5-MoE).
    sparse_mixer,
  };

  std::int64_t experts_per_token = 0;  ///< the best so many; a token's shares are their scores
  Score score = Score::softmax;
  bool normalised = true;  ///< divided by their sum
  double scale = 1;        ///< and then multiplied with this
  /// Another number an expert is added to the scores that it is chosen by.
  bool choice_bias = false;
  /// Of so many groups of consecutive experts only the best `groups_per_token` are chosen from. As
  /// good as a group is its best expert or, with a choice bias, the sum of its two best.
  std::int64_t groups = 1;
  std::int64_t groups_per_token = 1;
  double reach = 0;           ///< of `sparse_mixer`: relative to the larger of the two logits
  bool scales_input = false;  ///< shares multiply what experts read, not what they give

  bool operator==(const Routing&) const = default;
};

/// Latent attention (DeepSeek-V2, arXiv 2405.04434): keys and values are made from a normed vector
/// of `rank` numbers, which is all that is kept of a token.
struct LatentSizes {
  std::int64_t rank = 0;              ///< 0: attention is not latent
  std::int64_t key_size = 0;          ///< of each head: stands before its values
  std::int64_t rotated_key_size = 0;  ///< one for all heads: stands behind the latent vector

  bool operator==(const LatentSizes&) const = default;
};

/// A gated FFN that cuts what it multiplies, as GPT-OSS has it: with g the gate's and u the other
/// output, `(min(max(u, −limit), limit) + 1) · act(steepness · min(g, limit)) / steepness`.
struct ClampedGate {
  double limit = 0;  ///< 0: nothing is cut, and nothing added
  double steepness = 1;

  bool operator==(const ClampedGate&) const = default;
};

/// How a gated delta rule's matrices hold their outputs.
enum class DeltaRuleLayout {
  apart,  ///< one of all queries, all keys, all values; one each for gates, strengths, decays
  /// One holds for each key head its query, its key, its values and their gates, another its
  /// values' strengths and decays (Qwen3-Next).
  by_key_head,
  strengths_by_key_head,  ///< as `apart`, but strengths and decays (Qwen3-Next in GGUF)
  tiled,  ///< as `apart`; a key head serves every `key_heads`-th value head (Qwen3.5 in GGUF)
};

/// Sizes of a gated delta rule.
struct DeltaRuleSizes {
  std::int64_t key_heads = 0;    ///< of queries and keys; each serves consecutive value heads
  std::int64_t value_heads = 0;  ///< a multiple of `key_heads`
  std::int64_t key_size = 0;     ///< numbers a head
  std::int64_t value_size = 0;
  DeltaRuleLayout layout = DeltaRuleLayout::apart;

  /// One matrix has the strengths and decays of all value heads, key head by key head.
  bool strengths_by_key_head() const {
    return layout == DeltaRuleLayout::by_key_head ||
           layout == DeltaRuleLayout::strengths_by_key_head;
  }

  bool operator==(const DeltaRuleSizes&) const = default;
};

/// Sizes and settings of a state space, as Mamba-2 has it.
struct StateSpaceSettings {
  std::int64_t heads = 0;
  std::int64_t head_size = 0;
  std::int64_t groups = 0;  ///< `heads` is a multiple of it
  std::int64_t state_size = 0;
  Activation activation = Activation::silu;
  double step_min = 0;  ///< Δ is cut to these
  double step_max = std::numeric_limits<double>::infinity();
  bool norm = true;       ///< there is one behind the state
  bool gate_last = true;  ///< SiLU(z) is multiplied with after the norm, not before
  /// Of what the input matrix gives: z, x, B, C, Δ (Falcon-H1).
  std::array<double, 5> multipliers = {1, 1, 1, 1, 1};

  bool operator==(const StateSpaceSettings&) const = default;
};

/// Sizes of a state space as Mamba-1 has it.
struct SelectiveStateSpaceSizes {
  std::int64_t inner_size = 0;
  std::int64_t state_size = 0;
  std::int64_t step_rank = 0;

  bool operator==(const SelectiveStateSpaceSizes&) const = default;
};

/// What mixers' inputs and outputs are multiplied with (Falcon-H1; outputs alone: Granite).
struct Multipliers {
  double attention_input = 1;
  double attention_output = 1;
  double state_space_input = 1;
  double state_space_output = 1;
  double ffn_gate = 1;  ///< of what the gate matrix gives, before the activation
  double ffn_output = 1;

  bool operator==(const Multipliers&) const = default;
};

/// What the weights of a model cannot say about how they are used. Sizes are read from the weights.
/// Source: each family's reference implementation in Hugging Face Transformers.
struct Architecture {
  std::string name;  ///< Transformers' `model_type`: also decides which parameter names are known
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  /// Numbers a head. 0: hidden_size / heads where the queries, keys and values are fused, else what
  /// the value matrix says.
  std::int64_t head_size = 0;
  Activation activation = Activation::silu;
  NormKind norm = NormKind::rms;
  NormPlacement norm_placement = NormPlacement::before;
  double norm_epsilon = 1e-5;
  double norm_offset = 0;   ///< added to the weight of every norm (Gemma: 1)
  bool bare_norms = false;  ///< a block's norms have neither weight nor bias (OLMo)
  /// x + attention(N_1 x) + ffn(N_2 x) instead of one after the other.
  bool parallel = false;
  bool shared_norm = false;  ///< a parallel block without N_2: the FFN reads N_1 x too
  bool gated_ffn = true;
  /// Training makes the first so many neurons of each FFN one by themselves (Gemma 3n), so that it
  /// orders them. Nothing that is computed, but what audits have to know.
  bool nested_ffn = false;
  ClampedGate clamped_gate = {};
  /// A matrix of a gate and what it is multiplied with has the outputs of both by turns, not those
  /// of one below those of the other.
  bool gate_up_by_turns = false;
  QkvLayout qkv_layout = QkvLayout::by_kind;
  double qkv_clip =
      0;  ///< queries, keys and values are cut to [-qkv_clip, qkv_clip]; 0: they are not
  /// The query matrix holds behind each head's queries as many gates, whose sigmoid is multiplied
  /// with what the head reads.
  bool gated_attention = false;
  LatentSizes latent = {};
  /// Each head's softmax has a learned logit beside those of keys, a sink: of one token queries and
  /// keys count, and with them what RoPE's scaling multiplies each of the two with.
  bool attention_sinks = false;
  double rotary_factor = 1;
  double embedding_multiplier = 1;
  bool embedding_norm = false;          ///< a layer norm between the embedding and block 1
  bool learned_positions = false;       ///< a row of the position embedding is added to the input
  std::int64_t first_position_row = 0;  ///< of a sequence's first token (OPT: 2)
  bool value_norm = false;              ///< an RMS norm, without weight, of each head's value
  bool block_scale = false;             ///< what a block leaves is multiplied with its own number
  std::int64_t per_layer_size = 0;      ///< numbers that a token's id gives each block; 0: none
  bool per_layer_in_part = false;       ///< ids behind the table that gives them take its first row
  /// Residual streams (alternating updates, azimuth/mixers.h): the first is what mixers read and
  /// write, and what is observed.
  std::int64_t streams = 1;
  bool stream_output_scale = false;  ///< the first is scaled where the others read it
  /// By block, where a gate is cut: the share that falls away of normally distributed numbers; 0:
  /// all are kept.
  std::vector<double> gate_sparsity = {};
  /// By block, where blocks differ in it; else empty, as is `blocks`.
  std::vector<AttentionPlan> attention = {};
  std::int64_t experts = 0;  ///< of each mixture; 0: there is none
  Routing routing = {};
  bool transposed_experts = false;  ///< their matrices are stored {inputs, outputs}
  /// Experts read, and together give, a projection of the hidden state onto so many numbers, which
  /// another takes back (Nemotron-H); 0: the hidden state itself.
  std::int64_t expert_latent_size = 0;
  bool shared_expert = false;       ///< beside those of each mixture, one that every token goes to
  bool expert_norms = false;        ///< a mixture has norms of its own, and experts a factor each
  bool shared_expert_gate = false;  ///< its output is multiplied with the sigmoid of a logit
  Multipliers multipliers = {};
  DeltaRuleSizes delta_rule = {};
  StateSpaceSettings state_space = {};
  SelectiveStateSpaceSizes selective_state_space = {};
  std::int64_t convolution_taps = 0;  ///< of each convolution over tokens; 0: there is none
  /// By block, where blocks differ: its mixers, in the order in which they write. Empty: each is
  /// attention, then an FFN or, where there are `experts`, a mixture.
  std::vector<std::vector<MixerPlan>> blocks = {};
  Sequences sequences = {};
  /// BOS, EOS and every other id that the model's configuration names. Part of every probe.
  std::vector<std::int64_t> special_token_ids;

  bool operator==(const Architecture&) const = default;

  struct Llama {
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;  ///< 0: as many as heads
    double norm_epsilon = 1e-5;
    std::vector<std::int64_t> special_token_ids = {};
  };
  struct Gpt2 {
    std::int64_t heads = 0;
    double norm_epsilon = 1e-5;
    std::vector<std::int64_t> special_token_ids = {};
  };

  /// LLaMA, SmolLM2: RMS norm, gated SiLU, grouped KV heads.
  static Architecture llama(Llama options);
  /// GPT-2, nanoGPT: layer norm, tanh GELU, learned positions, biases.
  static Architecture gpt2(Gpt2 options);

  /// The names that are known, sorted.
  static std::vector<std::string> known();

  /// The mixers of a block, from 1. Throws std::out_of_range for one that `blocks` does not have.
  std::vector<MixerPlan> plan_of(std::int64_t block) const;
  /// Its attention, whether or not blocks differ.
  AttentionPlan attention_of(std::int64_t block) const;
  /// Whether one of them is of that kind.
  bool has(MixerKind kind, std::int64_t block) const;

  /// A line that is to be said with what is observed of such a model. Empty: there is none.
  std::string caveat() const;

  /// Throws std::invalid_argument for what no model can have: an unknown name, heads that are not a
  /// multiple of the KV heads, a negative epsilon. Called wherever weights are bound.
  void check() const;
};

}  // namespace azimuth
