#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <system_error>
#include <vector>

#include "hugging_face/family_fields.h"
#include "hugging_face/hugging_face_families.h"

namespace azimuth {
namespace {

using namespace family;

void read_gemma(Fields fields, Config config) {
  read_kv_heads(fields, config, 16);
  read_head_size(fields, config, 256);
  read_norm(fields, config, NormKind::rms, "rms_norm_eps", 1e-6);
  read_activation(fields, config, "hidden_act", "gelu_pytorch_tanh");
  // What was published as "gelu" was trained with the other.
  if (config.architecture.activation == Activation::gelu) {
    config.architecture.activation = Activation::gelu_tanh;
  }
  config.architecture.norm_offset = 1;
  config.architecture.embedding_multiplier = std::sqrt(static_cast<double>(config.hidden_size));
  read_ffn_size(fields, config, "intermediate_size", 24'576);
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
}

void read_gemma2(Fields fields, Config config) {
  read_kv_heads(fields, config, 4);
  read_head_size(fields, config, 256);
  read_norm(fields, config, NormKind::rms, "rms_norm_eps", 1e-6);
  read_activation(fields, config, "hidden_activation", "gelu_pytorch_tanh");
  config.architecture.norm_placement = NormPlacement::sandwich;
  config.architecture.norm_offset = 1;
  config.architecture.embedding_multiplier = std::sqrt(static_cast<double>(config.hidden_size));
  read_ffn_size(fields, config, "intermediate_size", 9'216);
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
}

// Of each block, whether its attention reaches over all tokens; every `period`-th does, where the
// file does not say.
std::vector<bool> full_blocks(Fields fields, Config config, std::int64_t period) {
  constexpr std::string_view key = "layer_types";
  std::vector<bool> full;
  for (const std::string& type : fields.texts(key)) {
    full.push_back(type == "full_attention");
    if (full.back() || type == "sliding_attention") continue;
    fields.fail(
        key, "holds '" + type.substr(0, 120) + "'; full_attention and sliding_attention are known");
  }
  if (!fields.gives(key)) {
    for (std::int64_t b = 1; b <= config.block_count; ++b) full.push_back(b % period == 0);
  }
  if (std::ssize(full) != config.block_count) {
    fields.fail(key, "has " + std::to_string(full.size()) + " entries for " +
                         std::to_string(config.block_count) + " blocks");
  }
  return full;
}

// The last blocks read the values of the last one before all of them whose attention reaches as
// far.
void share_values(Fields fields, Config config, const std::vector<bool>& full,
                  std::int64_t otherwise) {
  constexpr std::string_view key = "num_kv_shared_layers";
  const std::int64_t shared = fields.count_from_zero(key, otherwise, config.block_count);
  const std::vector<std::int64_t> sources =
      value_sources(full, shared, [&](const std::string& why) { fields.fail(key, why); });
  for (std::size_t b = 0; b < sources.size(); ++b) {
    config.architecture.attention[b].values_of = sources[b];
  }
}

// What Gemma 3n and 4 have in common.
void read_later_gemma(Fields fields, Config config, std::int64_t kv_heads) {
  Architecture& a = config.architecture;
  read_kv_heads(fields, config, kv_heads);
  read_head_size(fields, config, 256);
  if (a.head_size == 0) a.head_size = config.hidden_size / a.heads;
  read_norm(fields, config, NormKind::rms, "rms_norm_eps", 1e-6);
  read_activation(fields, config, "hidden_activation", "gelu_pytorch_tanh");
  a.norm_placement = NormPlacement::sandwich;
  a.embedding_multiplier = std::sqrt(static_cast<double>(config.hidden_size));
  a.value_norm = true;
  a.attention.assign(static_cast<std::size_t>(config.block_count),
                     {.kv_heads = a.kv_heads, .head_size = a.head_size});
  a.per_layer_size = fields.count_from_zero("hidden_size_per_layer_input", 256, kMaxFfnSize);
  if (a.per_layer_size > 0) {
    constexpr std::string_view rows = "vocab_size_per_layer_input";
    config.rows.push_back({std::string(rows), Role::per_layer_embedding, 0,
                           fields.count({rows}, 262'144, kMaxPositions)});
  }
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
}

void read_gemma3n(Fields fields, Config config) {
  Architecture& a = config.architecture;
  read_later_gemma(fields, config, 2);
  share_values(fields, config, full_blocks(fields, config, 5), 15);
  const std::vector<MixerPlan> plan = {
      {MixerKind::attention}, {MixerKind::low_rank_residual, true}, {MixerKind::feed_forward}};
  a.blocks.assign(a.attention.size(), plan);
  a.per_layer_in_part = true;
  a.nested_ffn = true;
  if (a.per_layer_size == 0) fields.fail("hidden_size_per_layer_input", "is 0");

  constexpr std::string_view active = "altup_active_idx";
  if (const std::int64_t index = fields.count_from_zero(active, 0, kMaxStreams); index != 0) {
    fields.fail(active, "is " + std::to_string(index) + "; 0 is supported");
  }
  constexpr std::string_view streams = "altup_num_inputs";
  a.streams = fields.count({streams}, 4, kMaxStreams);
  if (a.streams == 1) fields.fail(streams, "is 1; several residual streams are supported");
  a.stream_output_scale = fields.flag("altup_correct_scale", true);
  const std::int64_t rank = fields.count({"laurel_rank"}, 64, kMaxFfnSize);
  for (std::int64_t b = 1; b <= config.block_count; ++b) {
    config.rows.push_back({"laurel_rank", Role::low_rank_inner_weight, b, rank});
  }

  constexpr std::string_view width = "intermediate_size";
  if (fields.gives(width) && fields.json().at(std::string(width)).is_array()) {
    config.ffn_sizes = fields.counts(width, kMaxFfnSize);
    if (std::ssize(config.ffn_sizes) != config.block_count) {
      fields.fail(width, "has not a number for each block");
    }
    config.ffn_size = config.ffn_sizes.front();
  } else {
    read_ffn_size(fields, config, width, 16'384);
    config.ffn_sizes.assign(a.blocks.size(), config.ffn_size);
  }

  std::vector<double> sparsity(a.blocks.size(), 0);
  constexpr std::ptrdiff_t kSparse = 10;
  if (std::ssize(sparsity) > kSparse) std::fill_n(sparsity.begin(), kSparse, 0.95);
  a.gate_sparsity = fields.reals("activation_sparsity_pattern", sparsity, 1);
}

// By the number of a block, from 0, what differs there.
void read_per_layer_config(Fields fields, Config config) {
  constexpr std::string_view key = "per_layer_config";
  const ConfigFields all = fields.object(key);
  for (const auto& [number, value] : all.json().items()) {
    std::int64_t block = -1;
    const char* const end = number.data() + number.size();
    const auto [stopped, error] = std::from_chars(number.data(), end, block);
    if (error != std::errc() || stopped != end || block < 0 || block >= config.block_count) {
      all.fail(number, "is not the number of a block");
    }
    const ConfigFields one = all.object(number);
    for (const auto& [name, of_it] : one.json().items()) {
      if (name != "head_dim" && name != "num_key_value_heads") one.fail(name, "is not supported");
    }
    AttentionPlan& plan = config.architecture.attention[static_cast<std::size_t>(block)];
    plan.head_size = one.count({"head_dim"}, plan.head_size, kMaxHeadSize);
    plan.kv_heads = one.count({"num_key_value_heads"}, plan.kv_heads, kMaxHeads);
  }
}

void read_gemma4(Fields fields, Config config) {
  Architecture& a = config.architecture;
  read_later_gemma(fields, config, 4);
  read_ffn_size(fields, config, "intermediate_size", 9'216);
  std::vector<bool> full = full_blocks(fields, config, 6);
  full.back() = true;  // whatever the file says
  const bool keys_are_values = fields.flag("attention_k_eq_v", false);
  // Transformers 5 writes for each block what publishers write for those of full attention.
  const bool by_block = fields.has("per_layer_config");
  const std::int64_t size = fields.count({"global_head_dim"}, 512, kMaxHeadSize);
  const std::int64_t kv_heads = fields.count({"num_global_key_value_heads"}, a.kv_heads, kMaxHeads);
  for (std::size_t b = 0; b < full.size(); ++b) {
    if (!full[b]) continue;
    a.attention[b].keys_are_values = keys_are_values;
    if (by_block) continue;
    a.attention[b].head_size = size;
    if (keys_are_values) a.attention[b].kv_heads = kv_heads;
  }
  if (by_block) read_per_layer_config(fields, config);
  share_values(fields, config, full, 0);

  const bool doubled = fields.flag("use_double_wide_mlp", false);
  for (const AttentionPlan& plan : a.attention) {
    config.ffn_sizes.push_back(doubled && plan.values_of > 0 ? 2 * config.ffn_size
                                                             : config.ffn_size);
  }
  const bool mixture = fields.flag("enable_moe_block", false);
  if (mixture) {
    for (const std::string_view key : {"num_experts", "top_k_experts", "moe_intermediate_size"}) {
      if (!fields.gives(key)) fields.fail(key, "is missing");
    }
    a.experts = fields.count({"num_experts"}, 0, kMaxExperts);
    a.routing.experts_per_token = fields.count({"top_k_experts"}, 0, kMaxExperts);
    a.shared_expert = true;
    a.expert_norms = true;
    config.expert_size = fields.count({"moe_intermediate_size"}, 0, kMaxFfnSize);
  }
  std::vector<MixerPlan> plan = {{MixerKind::attention},
                                 {mixture ? MixerKind::experts : MixerKind::feed_forward}};
  if (a.per_layer_size > 0) plan.push_back({MixerKind::per_layer_input});
  a.blocks.assign(a.attention.size(), plan);
  a.block_scale = true;
}

constexpr HuggingFaceFamily kGemmas[] = {
    {"gemma", 3'072, 28, 256'000, 16, 2, read_gemma},
    {"gemma2", 2'304, 26, 256'000, 8, 2, read_gemma2},
    {"gemma3_text", 2'304, 26, 262'208, 8, 2, read_gemma2},
    {"gemma3n_text", 2'048, 35, 262'400, 8, 2, read_gemma3n},
    {"gemma4_text", 2'304, 30, 262'144, 8, 2, read_gemma4},
};

}  // namespace

std::span<const HuggingFaceFamily> gemma_families() { return kGemmas; }

}  // namespace azimuth
