#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gguf/gguf_family_fields.h"

namespace azimuth {
namespace {

using namespace gguf_family;

// The converter has added Gemma's 1 to the weights of the norms of those before Gemma 3n.
void read_any_gemma(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.activation = Activation::gelu_tanh;
  a.embedding_multiplier =
      std::sqrt(static_cast<double>(fields.count("embedding_length", kMaxSize)));
}

// Gemma 3 too.
void read_gemma2(Fields fields, Architecture& a) {
  read_any_gemma(fields, a);
  a.norm_placement = NormPlacement::sandwich;
}

// Of each block, whether its attention reaches over all tokens.
std::vector<bool> full_blocks(Fields fields) {
  constexpr std::string_view key = "attention.sliding_window_pattern";
  std::vector<bool> full = fields.flags(key);
  if (std::ssize(full) != fields.blocks()) {
    fields.fail(key, "has " + std::to_string(full.size()) + " entries for " +
                         std::to_string(fields.blocks()) + " blocks");
  }
  full.flip();
  return full;
}

std::int64_t count_or_0(Fields fields, std::string_view key, std::int64_t max) {
  return fields.has(key) && fields.integer(key) != 0 ? fields.count(key, max) : 0;
}

// The last blocks have the attention of the last one before all of them that reaches as far, and
// its values.
void share_values(Fields fields, Architecture& a, const std::vector<bool>& full) {
  constexpr std::string_view key = "attention.shared_kv_layers";
  const std::int64_t shared = count_or_0(fields, key, fields.blocks());
  const std::vector<std::int64_t> sources =
      value_sources(full, shared, [&](const std::string& why) { fields.fail(key, why); });
  for (std::size_t b = 0; b < sources.size(); ++b) {
    if (sources[b] == 0) continue;
    a.attention[b] = a.attention[static_cast<std::size_t>(sources[b] - 1)];
    a.attention[b].values_of = sources[b];
  }
}

// What Gemma 3n and 4 have in common. Their norms are as they are, without Gemma's 1.
void read_later_gemma(Fields fields, Architecture& a, const std::vector<bool>& full) {
  read_gemma2(fields, a);
  a.value_norm = true;
  a.per_layer_size = count_or_0(fields, "embedding_length_per_layer_input", kMaxSize);
  const std::vector<std::int64_t> kv_heads =
      fields.by_block("attention.head_count_kv", fields.blocks());
  for (std::size_t b = 0; b < full.size(); ++b) {
    const std::string end = full[b] ? "" : "_swa";
    const auto length = [&](const std::string& key) {
      return fields.count(key + (fields.has(key + end) ? end : ""), kMaxSize);
    };
    const std::int64_t head_size = length("attention.value_length");
    if (length("attention.key_length") != head_size) {
      fields.fail("attention.key_length" + end, "is not attention.value_length" + end);
    }
    const auto has = [&](const char* module) {
      return fields.has_module("blk." + std::to_string(b) + "." + module);
    };
    a.attention.push_back({.kv_heads = kv_heads[b],
                           .head_size = head_size,
                           .keys_are_values = !has("attn_v") && !has("attn_qkv")});
    if (full[b]) continue;
    a.kv_heads = kv_heads[b];
    a.head_size = head_size;
  }
  share_values(fields, a, full);
}

// The share of normally distributed numbers below `x`.
double normal_share(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

void read_gemma3n(Fields fields, Architecture& a) {
  read_later_gemma(fields, a, full_blocks(fields));
  const std::vector<MixerPlan> plan = {
      {MixerKind::attention}, {MixerKind::low_rank_residual, true}, {MixerKind::feed_forward}};
  a.blocks.assign(a.attention.size(), plan);
  a.per_layer_in_part = true;
  a.nested_ffn = true;
  if (a.per_layer_size == 0) fields.fail("embedding_length_per_layer_input", "is 0");

  constexpr std::string_view active = "altup.active_idx";
  if (fields.integer(active) != 0) {
    fields.fail(active, "is " + std::to_string(fields.integer(active)) + "; 0 is supported");
  }
  constexpr std::string_view streams = "altup.num_inputs";
  constexpr std::int64_t kMaxStreams = 256;
  a.streams = fields.count(streams, kMaxStreams);
  if (a.streams == 1) fields.fail(streams, "is 1; several residual streams are supported");
  a.stream_output_scale = true;

  constexpr std::string_view cuts = "activation_sparsity_scale";
  for (const double cut : fields.reals(cuts)) {
    if (std::isnan(cut)) fields.fail(cuts, "holds what is not a number");
    a.gate_sparsity.push_back(normal_share(cut));
  }
}

void read_gemma4(Fields fields, Architecture& a) {
  std::vector<bool> full = full_blocks(fields);
  full.back() = true;  // whatever the file says
  read_later_gemma(fields, a, full);
  MixerKind second = MixerKind::feed_forward;
  if (fields.has("expert_count") && fields.integer("expert_count") != 0) {
    second = MixerKind::experts;
    read_experts(fields, a);
    a.shared_expert = true;
    a.expert_norms = true;
  }
  std::vector<MixerPlan> plan = {{MixerKind::attention}, {second}};
  if (a.per_layer_size > 0) plan.push_back({MixerKind::per_layer_input});
  a.blocks.assign(a.attention.size(), plan);
  a.block_scale = fields.has_module("blk.0.layer_output_scale");
}

constexpr std::string_view kExperts[] = {"expert_count"};

constexpr GgufFamily kFamilies[] = {
    {"gemma", "gemma", read_any_gemma},
    {"gemma2", "gemma2", read_gemma2},
    {"gemma3", "gemma3_text", read_gemma2},
    {"gemma3n", "gemma3n_text", read_gemma3n},
    {"gemma4", "gemma4_text", read_gemma4, kExperts},
};

}  // namespace

std::span<const GgufFamily> gguf_gemma_families() { return kFamilies; }

}  // namespace azimuth
