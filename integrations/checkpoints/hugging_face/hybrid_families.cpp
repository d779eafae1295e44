#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "hugging_face/family_fields.h"
#include "hugging_face/hugging_face_families.h"

// Families whose blocks differ, or mix tokens in other ways than by attention alone.
namespace azimuth {
namespace {

using enum Role;
using namespace family;

constexpr double kMaxMultiplier = 1e6;
constexpr std::int64_t kMaxInterval = 100'000;
constexpr std::int64_t kMaxStateSize = 65'536;
constexpr std::int64_t kMaxTaps = 1'024;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What Transformers calls what mixes a block's tokens, and what that is.
struct BlockType {
  std::string_view name;
  MixerKind kind;
};

// Every block is what mixes its tokens, by its type in this list, and then an FFN.
void set_blocks(Fields fields, Config config, std::string_view key,
                const std::vector<std::string>& types, std::initializer_list<BlockType> known) {
  if (std::ssize(types) != config.block_count) {
    fields.fail(key, "names " + std::to_string(types.size()) + " blocks, and there are " +
                         std::to_string(config.block_count));
  }
  for (const std::string& type : types) {
    const auto found = std::ranges::find(known, type, &BlockType::name);
    if (found == known.end()) fields.fail(key, "'" + type.substr(0, 60) + "' is not supported");
    config.architecture.blocks.push_back({{found->kind}, {MixerKind::feed_forward}});
  }
}

// The same where blocks are named by number: `kind`, or attention where `is_attention` says so of a
// block from 0.
template <class IsAttention>
void set_blocks(Config config, MixerKind kind, const IsAttention& is_attention) {
  for (std::int64_t block = 0; block < config.block_count; ++block) {
    const MixerKind mixes = is_attention(block) ? MixerKind::attention : kind;
    config.architecture.blocks.push_back({{mixes}, {MixerKind::feed_forward}});
  }
}

// Puts mixtures in the place of the FFNs of those blocks, from 0, of which `is_mixture` says so.
// Without any the model has no experts.
template <class IsMixture>
void mix_ffns(Config config, const IsMixture& is_mixture) {
  Architecture& a = config.architecture;
  std::int64_t block = 0;
  bool some = false;
  for (std::vector<MixerPlan>& plans : a.blocks) {
    if (!is_mixture(block++)) continue;
    plans.back().kind = MixerKind::experts;
    some = true;
  }
  if (!some) leave_experts_out(config);
}

bool holds(const std::vector<std::int64_t>& list, std::int64_t block) {
  return std::ranges::count(list, block) > 0;
}

// Where the file does not say how large heads are, the hidden size does.
std::int64_t split_head_size(Config config) {
  return config.hidden_size / config.architecture.heads;
}

std::int64_t count_or_auto(Fields fields, std::string_view key, std::int64_t otherwise,
                           std::int64_t max) {
  const auto found = fields.json().find(key);
  const bool is_auto = found != fields.json().end() && *found == "auto";
  return is_auto ? otherwise : fields.count({key}, otherwise, max);
}

// Of Qwen3-Next and Qwen3.5, but for the FFNs.
void read_delta_rule(Fields fields, Config config, std::int64_t ffn_size, std::int64_t kv_heads) {
  Architecture& a = config.architecture;
  read_like_llama(fields, config, {.ffn_size = ffn_size, .kv_heads = kv_heads, .head_size = 256});
  a.norm_offset = 1;
  a.gated_attention = true;
  a.delta_rule.key_heads = fields.count({"linear_num_key_heads"}, 16, kMaxHeads);
  a.delta_rule.value_heads = fields.count({"linear_num_value_heads"}, 32, kMaxHeads);
  a.delta_rule.key_size = fields.count({"linear_key_head_dim"}, 128, kMaxHeadSize);
  a.delta_rule.value_size = fields.count({"linear_value_head_dim"}, 128, kMaxHeadSize);
  a.convolution_taps = fields.count({"linear_conv_kernel_dim"}, 4, kMaxTaps);
  constexpr std::string_view types = "layer_types";
  if (fields.has(types) && !fields.is_null(types)) {
    set_blocks(fields, config, types, fields.texts(types),
               {{"full_attention", MixerKind::attention},
                {"attention", MixerKind::attention},
                {"linear_attention", MixerKind::delta_rule},
                {"mamba", MixerKind::delta_rule}});
  } else {
    const std::int64_t interval = fields.count({"full_attention_interval"}, 4, kMaxInterval);
    set_blocks(config, MixerKind::delta_rule,
               [&](std::int64_t block) { return (block + 1) % interval == 0; });
  }
  read_biases(fields, config, "attention_bias", false,
              {query_gate_bias, key_bias, value_bias, output_bias});
  never(config, kFfnBiases);
}

void read_qwen3_5(Fields fields, Config config) { read_delta_rule(fields, config, 12'288, 4); }

// A mixture, and an expert for all tokens.
void read_shared_mixture(Fields fields, Config config, std::int64_t experts,
                         std::int64_t per_token) {
  Architecture& a = config.architecture;
  a.experts = fields.count_from_zero("num_experts", experts, kMaxExperts);
  a.routing.experts_per_token = fields.count({"num_experts_per_tok"}, per_token, kMaxExperts);
  a.shared_expert = a.shared_expert_gate = true;
  config.expert_size = fields.count({"moe_intermediate_size"}, 512, kMaxFfnSize);
  config.shared_expert_size = fields.count({"shared_expert_intermediate_size"}, 512, kMaxFfnSize);
}

void read_qwen3_5_moe(Fields fields, Config config) {
  read_delta_rule(fields, config, 1, 2);
  read_shared_mixture(fields, config, 256, 8);
  if (config.architecture.experts == 0) fields.fail("num_experts", "is 0");
  mix_ffns(config, [](std::int64_t) { return true; });
}

void read_qwen3_next(Fields fields, Config config) {
  read_delta_rule(fields, config, 5'632, 2);
  Architecture& a = config.architecture;
  a.delta_rule.layout = DeltaRuleLayout::by_key_head;
  read_shared_mixture(fields, config, 512, 10);
  a.routing.normalised = fields.flag("norm_topk_prob", true);
  const std::int64_t step = fields.count({"decoder_sparse_step"}, 1, kMaxInterval);
  const std::vector<std::int64_t> dense = fields.counts("mlp_only_layers", kMaxInterval);
  mix_ffns(config, [&](std::int64_t block) {
    return a.experts > 0 && (block + 1) % step == 0 && !holds(dense, block);
  });
}

void read_lfm2(Fields fields, Config config) {
  Architecture& a = config.architecture;
  read_kv_heads(fields, config, 8);
  read_head_size(fields, config, split_head_size(config));
  read_norm(fields, config, NormKind::rms, "norm_eps", 1e-5);
  config.ffn_size = fields.count({"block_ff_dim", "intermediate_size"}, 12'288, kMaxFfnSize);
  if (fields.flag("block_auto_adjust_ff_dim", true)) {
    config.ffn_size = 2 * config.ffn_size / 3;
    constexpr std::string_view multiplier = "block_ffn_dim_multiplier";
    if (!fields.is_null(multiplier)) {
      const std::int64_t multiple = fields.count({"block_multiple_of"}, 256, kMaxFfnSize);
      const auto size = static_cast<std::int64_t>(fields.real(multiplier, 1, kMaxExpansion) *
                                                  static_cast<double>(config.ffn_size));
      config.ffn_size = (size + multiple - 1) / multiple * multiple;
    }
  }
  a.convolution_taps = fields.count({"conv_L_cache"}, 3, kMaxTaps);
  constexpr std::string_view types = "layer_types";
  constexpr std::string_view indices = "full_attn_idxs";
  if (fields.has(types) && !fields.is_null(types)) {
    set_blocks(fields, config, types, fields.texts(types),
               {{"full_attention", MixerKind::attention},
                {"attention", MixerKind::attention},
                {"conv", MixerKind::short_convolution}});
  } else {
    const bool all = !fields.has(indices) || fields.is_null(indices);
    const std::vector<std::int64_t> attention = fields.counts(indices, kMaxInterval);
    set_blocks(config, MixerKind::short_convolution,
               [&](std::int64_t block) { return all || holds(attention, block); });
  }
  read_biases(fields, config, "conv_bias", false,
              {recurrent_input_bias, convolution_bias, recurrent_output_bias});
}

// What Falcon-H1 and Bamba have in common, but for the size of what the state space works on.
void read_state_space(Fields fields, Config config, std::int64_t inner_size) {
  StateSpaceSettings& space = config.architecture.state_space;
  space.heads = fields.count({"mamba_n_heads"}, 128, kMaxHeads);
  constexpr std::string_view head_size = "mamba_d_head";
  space.head_size = count_or_auto(
      fields, head_size, std::max<std::int64_t>(1, inner_size / space.heads), kMaxHeadSize);
  if (space.heads * space.head_size != inner_size) {
    fields.fail(head_size, "is " + std::to_string(space.head_size) + ", which " +
                               std::to_string(space.heads) + " times is not " +
                               std::to_string(inner_size));
  }
  space.groups = fields.count({"mamba_n_groups"}, 1, kMaxHeads);
  space.state_size = fields.count({"mamba_d_state"}, 256, kMaxStateSize);
  space.activation = config.architecture.activation;
  const std::vector<double> limits = fields.reals("time_step_limit", {0, kInfinity}, kInfinity);
  space.step_min = limits[0];
  space.step_max = limits[1];
  config.architecture.convolution_taps = fields.count({"mamba_d_conv"}, 4, kMaxTaps);
  read_biases(fields, config, "mamba_conv_bias", true, {convolution_bias});
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  read_biases(fields, config, "mlp_bias", false, kFfnBiases);
}

std::int64_t expanded_size(Fields fields, Config config) {
  return config.hidden_size * fields.count({"mamba_expand"}, 2, kMaxExpansion);
}

void read_bamba(Fields fields, Config config) {
  read_like_llama(
      fields, config,
      {.ffn_size = 14'336, .kv_heads = 8, .head_size = split_head_size(config), .epsilon = 1e-5});
  read_state_space(fields, config, expanded_size(fields, config));
  config.architecture.state_space.gate_last = false;
  read_biases(fields, config, "mamba_proj_bias", false,
              {recurrent_input_bias, recurrent_output_bias});
  const std::vector<std::int64_t> attention = fields.counts("attn_layer_indices", kMaxInterval);
  set_blocks(config, MixerKind::state_space,
             [&](std::int64_t block) { return holds(attention, block); });
}

void read_falcon_h1(Fields fields, Config config) {
  Architecture& a = config.architecture;
  read_like_llama(
      fields, config,
      {.ffn_size = 14'336, .kv_heads = 8, .head_size = split_head_size(config), .epsilon = 1e-5});
  constexpr std::string_view inner_size = "mamba_d_ssm";
  read_state_space(fields, config,
                   fields.is_null(inner_size) ? expanded_size(fields, config)
                                              : fields.count({inner_size}, 1'024, kMaxFfnSize));
  a.state_space.norm = fields.flag("mamba_rms_norm", false);
  a.state_space.gate_last = fields.flag("mamba_norm_before_gate", true);
  read_biases(fields, config, "mamba_proj_bias", false, {recurrent_input_bias});
  read_biases(fields, config, "projectors_bias", false, {recurrent_output_bias});
  const auto multiplier = [&](std::string_view key) { return fields.real(key, 1, kMaxMultiplier); };
  a.embedding_multiplier = multiplier("embedding_multiplier");
  a.multipliers.attention_input = multiplier("attention_in_multiplier");
  a.multipliers.attention_output = multiplier("attention_out_multiplier");
  a.multipliers.state_space_input = multiplier("ssm_in_multiplier");
  a.multipliers.state_space_output = multiplier("ssm_out_multiplier");
  const std::vector<double> ffn = fields.reals("mlp_multipliers", {1, 1}, kMaxMultiplier);
  a.multipliers.ffn_gate = ffn[0];
  a.multipliers.ffn_output = ffn[1];
  const std::vector<double> parts =
      fields.reals("ssm_multipliers", {1, 1, 1, 1, 1}, kMaxMultiplier);
  std::ranges::copy(parts, a.state_space.multipliers.begin());
  const std::vector<MixerPlan> block = {
      {MixerKind::attention}, {MixerKind::state_space, true}, {MixerKind::feed_forward}};
  a.blocks.assign(static_cast<std::size_t>(config.block_count), block);
}

void read_jamba(Fields fields, Config config) {
  read_like_llama(fields, config,
                  {.ffn_size = 14'336, .kv_heads = 8, .head_size = split_head_size(config)});
  never(config, kAttentionBiases);
  never(config, kFfnBiases);
  Architecture& a = config.architecture;
  a.selective_state_space.inner_size = expanded_size(fields, config);
  a.selective_state_space.state_size = fields.count({"mamba_d_state"}, 16, kMaxStateSize);
  a.selective_state_space.step_rank =
      count_or_auto(fields, "mamba_dt_rank", (config.hidden_size + 15) / 16, kMaxStateSize);
  a.convolution_taps = fields.count({"mamba_d_conv"}, 4, kMaxTaps);
  read_biases(fields, config, "mamba_conv_bias", true, {convolution_bias});
  read_biases(fields, config, "mamba_proj_bias", false,
              {recurrent_input_bias, recurrent_output_bias});
  // Of every period, the block of the offset.
  const auto periodic = [&](std::string_view period_key, std::int64_t period,
                            std::string_view offset_key, std::int64_t offset) {
    period = fields.count({period_key}, period, kMaxInterval);
    offset = fields.count_from_zero(offset_key, offset, kMaxInterval);
    if (offset >= period) {
      fields.fail(offset_key, "is " + std::to_string(offset) + ", and a period has " +
                                  std::to_string(period) + " blocks");
    }
    return [=](std::int64_t block) { return block % period == offset; };
  };
  set_blocks(config, MixerKind::selective_state_space,
             periodic("attn_layer_period", 8, "attn_layer_offset", 4));
  a.experts = fields.count({"num_experts", "num_local_experts"}, 16, kMaxExperts);
  a.routing.experts_per_token = fields.count({"num_experts_per_tok"}, 2, kMaxExperts);
  a.routing.normalised = false;
  const auto has_experts = periodic("expert_layer_period", 2, "expert_layer_offset", 1);
  mix_ffns(config, [&](std::int64_t block) { return a.experts > 1 && has_experts(block); });
}

// A block is one mixer. Their list stands under one of two keys, or is a pattern of letters; it
// alone says how many there are.
void set_single_mixers(Fields fields, Config config) {
  constexpr std::string_view pattern = "hybrid_override_pattern";
  std::string_view key = pattern;
  std::vector<std::string> types;
  const auto is_there = [&](std::string_view name) {
    return fields.has(name) && !fields.is_null(name);
  };
  for (const std::string_view list : {"layers_block_type", "layer_types"}) {
    if (!is_there(list)) continue;
    if (key != pattern) fields.fail(list, "stands beside " + std::string(key));
    key = list;
    types = fields.texts(list);
  }
  if (key == pattern && is_there(pattern)) {
    for (const char letter : fields.text(pattern, "")) types.emplace_back(1, letter);
  } else if (key == pattern) {
    types = {"M", "E", "*", "-"};
  }
  if (types.empty() || std::ssize(types) > kMaxInterval) {
    fields.fail(key, "names " + std::to_string(types.size()) + " blocks; 1 to " +
                         std::to_string(kMaxInterval) + " are allowed");
  }
  config.block_count = std::ssize(types);
  constexpr BlockType kLetters[] = {{"M", MixerKind::state_space},
                                    {"*", MixerKind::attention},
                                    {"-", MixerKind::feed_forward},
                                    {"E", MixerKind::experts}};
  constexpr BlockType kWords[] = {{"linear_attention", MixerKind::state_space},
                                  {"mamba", MixerKind::state_space},
                                  {"full_attention", MixerKind::attention},
                                  {"attention", MixerKind::attention},
                                  {"mlp", MixerKind::feed_forward},
                                  {"moe", MixerKind::experts}};
  const std::span<const BlockType> known =
      key == pattern ? std::span<const BlockType>(kLetters) : std::span<const BlockType>(kWords);
  for (const std::string& type : types) {
    const auto found = std::ranges::find(known, type, &BlockType::name);
    if (found == known.end()) fields.fail(key, "'" + type.substr(0, 60) + "' is not supported");
    config.architecture.blocks.push_back({{found->kind}});
  }
}

void read_nemotron_h(Fields fields, Config config) {
  Architecture& a = config.architecture;
  set_single_mixers(fields, config);
  read_kv_heads(fields, config, 8);
  read_head_size(fields, config, 128);
  read_norm(fields, config, NormKind::rms, "layer_norm_epsilon", 1e-5);
  read_activation(fields, config, "mamba_hidden_act", "silu");
  StateSpaceSettings& space = a.state_space;
  space.activation = a.activation;
  read_activation(fields, config, "mlp_hidden_act", "relu2");
  read_ffn_size(fields, config, "intermediate_size", 21'504);
  a.gated_ffn = false;
  space.heads = fields.count({"mamba_num_heads"}, 128, kMaxHeads);
  space.head_size = fields.count({"mamba_head_dim"}, 64, kMaxHeadSize);
  space.groups = fields.count({"mamba_n_groups", "n_groups"}, 8, kMaxHeads);
  space.state_size = fields.count({"ssm_state_size"}, 128, kMaxStateSize);
  space.gate_last = false;
  // Transformers reads no upper limit.
  space.step_min = fields.real("mamba_dt_min", fields.real("time_step_min", 0.001, kMaxMultiplier),
                               kMaxMultiplier);
  a.convolution_taps = fields.count({"mamba_d_conv", "conv_kernel"}, 4, kMaxTaps);

  a.experts = fields.count({"n_routed_experts", "num_local_experts"}, 8, kMaxExperts);
  a.routing.experts_per_token = fields.count({"num_experts_per_tok"}, 2, kMaxExperts);
  a.routing.score = Routing::Score::sigmoid;
  a.routing.choice_bias = true;
  a.routing.normalised = fields.flag("norm_topk_prob", true);
  a.routing.scale = fields.real("routed_scaling_factor", 1, kMaxScale);
  a.routing.groups = fields.count({"n_group"}, 1, kMaxExperts);
  a.routing.groups_per_token = fields.count({"topk_group"}, 1, kMaxExperts);
  a.expert_latent_size = fields.count({"moe_latent_size"}, 0, kMaxFfnSize);
  a.shared_expert = true;
  config.expert_size = fields.count({"moe_intermediate_size"}, 7'688, kMaxFfnSize);
  config.shared_expert_size =
      fields.count({"moe_shared_expert_intermediate_size"}, 7'688, kMaxFfnSize);
  mix_ffns(config, [&](std::int64_t block) { return a.has(MixerKind::experts, block + 1); });

  read_biases(fields, config, "use_bias", false, {recurrent_input_bias, recurrent_output_bias});
  read_biases(fields, config, fields.has("mamba_conv_bias") ? "mamba_conv_bias" : "use_conv_bias",
              true, {convolution_bias});
  read_biases(fields, config, "mlp_bias", false,
              {up_bias, down_bias, shared_up_bias, shared_down_bias, experts_input_bias,
               experts_output_bias});
}

constexpr HuggingFaceFamily kHybrids[] = {
    {"bamba", 4'096, 32, 128'000, 32, 1, read_bamba},
    {"falcon_h1", 4'096, 32, 128'000, 32, 1, read_falcon_h1},
    {"jamba", 4'096, 32, 65'536, 32, 1, read_jamba},
    {"lfm2", 2'560, 32, 65'536, 32, 1, read_lfm2},
    {"nemotron_h", 4'096, 4, 131'072, 32, 1, read_nemotron_h},
    {"qwen3_5_moe_text", 2'048, 40, 248'320, 16, -1, read_qwen3_5_moe},
    {"qwen3_5_text", 4'096, 32, 248'320, 16, -1, read_qwen3_5},
    {"qwen3_next", 2'048, 48, 151'936, 16, -1, read_qwen3_next},
};

}  // namespace

std::span<const HuggingFaceFamily> hybrid_families() { return kHybrids; }

}  // namespace azimuth
