#include <string>
#include <string_view>
#include <vector>

#include "gguf/gguf_family_fields.h"

// Families whose blocks differ, or mix tokens in other ways than by attention alone.
namespace azimuth {
namespace {

using namespace gguf_family;

constexpr std::string_view kExpertCount = "expert_count";

bool has_module(Fields fields, std::int64_t block, std::string_view name) {
  return fields.has_module("blk." + std::to_string(block) + "." + std::string(name));
}

// Each block is `kind`, where it has such a tensor, or attention, and then a mixture, where it has
// a router, or an FFN. Which is which some converters write otherwise than it is
// (full_attention_interval) or not at all.
void read_blocks(Fields fields, Architecture& a, MixerKind kind, std::string_view module) {
  const std::int64_t blocks = fields.blocks();
  for (std::int64_t block = 0; block < blocks; ++block) {
    const auto has = [&](std::string_view name) { return has_module(fields, block, name); };
    a.blocks.push_back({{has(module) ? kind : MixerKind::attention},
                        {has("ffn_gate_inp") ? MixerKind::experts : MixerKind::feed_forward}});
  }
}

// Numbers of each head, of which there are `ssm.time_step_rank`.
std::int64_t read_inner_head_size(Fields fields, std::int64_t heads) {
  constexpr std::string_view key = "ssm.inner_size";
  const std::int64_t size = fields.count(key, kMaxSize);
  if (size % heads != 0) {
    fields.fail(key, "is " + std::to_string(size) + ", which is not a multiple of " +
                         std::to_string(heads) + " heads");
  }
  return size / heads;
}

// llama.cpp multiplies with the gate before the norm, whatever the model was made for.
void read_state_space(Fields fields, Architecture& a) {
  StateSpaceSettings& space = a.state_space;
  space.heads = fields.count("ssm.time_step_rank", kMaxHeads);
  space.head_size = read_inner_head_size(fields, space.heads);
  space.groups = fields.count("ssm.group_count", kMaxHeads);
  space.state_size = fields.count("ssm.state_size", kMaxSize);
  space.gate_last = false;
  a.convolution_taps = fields.count("ssm.conv_kernel", kMaxSize);
}

// Of Granite's hybrids those that are Bamba's blocks.
void read_granite_hybrid(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_state_space(fields, a);
  read_blocks(fields, a, MixerKind::state_space, "ssm_in");
}

void read_falcon_h1(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_state_space(fields, a);
  a.state_space.norm = fields.has_module("blk.0.ssm_norm");
  const std::vector<MixerPlan> block = {
      {MixerKind::attention}, {MixerKind::state_space, true}, {MixerKind::feed_forward}};
  a.blocks.assign(static_cast<std::size_t>(fields.blocks()), block);
}

void read_jamba(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  SelectiveStateSpaceSizes& space = a.selective_state_space;
  space.inner_size = fields.count("ssm.inner_size", kMaxSize);
  space.state_size = fields.count("ssm.state_size", kMaxSize);
  space.step_rank = fields.count("ssm.time_step_rank", kMaxSize);
  a.convolution_taps = fields.count("ssm.conv_kernel", kMaxSize);
  // Of one expert no router is written: it is an FFN.
  if (fields.has(kExpertCount) && fields.integer(kExpertCount) > 1) {
    read_experts(fields, a);
    a.routing.normalised = false;
  }
  read_blocks(fields, a, MixerKind::selective_state_space, "ssm_in");
}

void read_lfm2(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.convolution_taps = fields.count("shortconv.l_cache", kMaxSize);
  read_blocks(fields, a, MixerKind::short_convolution, "shortconv.in_proj");
}

// Of a block that is one mixer: its tensors say which.
MixerKind kind_of(Fields fields, std::int64_t block) {
  const auto has = [&](std::string_view module) { return has_module(fields, block, module); };
  if (has("ssm_in")) return MixerKind::state_space;
  if (has("ffn_gate_inp")) return MixerKind::experts;
  return has("ffn_up") ? MixerKind::feed_forward : MixerKind::attention;
}

void read_nemotron_h(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_state_space(fields, a);
  a.activation = Activation::relu2;
  a.gated_ffn = false;
  const std::int64_t blocks = fields.blocks();
  for (std::int64_t block = 0; block < blocks; ++block) {
    a.blocks.push_back({{kind_of(fields, block)}});
  }
}

void read_nemotron_h_moe(Fields fields, Architecture& a) {
  read_nemotron_h(fields, a);
  read_grouped_routing(fields, a);
  a.expert_latent_size = fields.count("moe_latent_size", 0, kMaxSize);
  a.shared_expert = true;
}

// Of Qwen3-Next and Qwen3.5.
void read_delta_rule(Fields fields, Architecture& a, DeltaRuleLayout layout) {
  read_rms_norm(fields, a);
  a.gated_attention = true;
  DeltaRuleSizes& rule = a.delta_rule;
  rule.key_heads = fields.count("ssm.group_count", kMaxHeads);
  rule.value_heads = fields.count("ssm.time_step_rank", kMaxHeads);
  rule.key_size = fields.count("ssm.state_size", kMaxSize);
  rule.value_size = read_inner_head_size(fields, rule.value_heads);
  rule.layout = layout;
  a.convolution_taps = fields.count("ssm.conv_kernel", kMaxSize);
  read_blocks(fields, a, MixerKind::delta_rule, "ssm_conv1d");
}

void read_qwen3_5(Fields fields, Architecture& a) {
  read_delta_rule(fields, a, DeltaRuleLayout::tiled);
}

// That shares are divided by their sum is not written, and true of all that were published.
void read_qwen3_5_moe(Fields fields, Architecture& a) {
  read_qwen3_5(fields, a);
  read_experts(fields, a);
  a.shared_expert = a.shared_expert_gate = true;
}

void read_qwen3_next(Fields fields, Architecture& a) {
  read_delta_rule(fields, a, DeltaRuleLayout::strengths_by_key_head);
  read_experts(fields, a);
  a.shared_expert = a.shared_expert_gate = true;
}

constexpr std::string_view kMultiplied =
    "its file has the model's multipliers in its weights, and does not say which they are: no "
    "adapter can be put on it";
constexpr std::string_view kSorted =
    "its file has the heads of delta rules in another order than Transformers: no adapter can be "
    "put on it";
constexpr std::string_view kExperts[] = {kExpertCount};

constexpr GgufFamily kFamilies[] = {
    {"falcon-h1", "falcon_h1", read_falcon_h1, {}, kMultiplied},
    {"granitehybrid", "bamba", read_granite_hybrid},
    {"jamba", "jamba", read_jamba, kExperts},
    {"lfm2", "lfm2", read_lfm2},
    {"nemotron_h", "nemotron_h", read_nemotron_h},
    {"nemotron_h_moe", "nemotron_h", read_nemotron_h_moe, kGroupedRouting},
    {"qwen35", "qwen3_5_text", read_qwen3_5, {}, kSorted},
    {"qwen35moe", "qwen3_5_moe_text", read_qwen3_5_moe, kExperts, kSorted},
    {"qwen3next", "qwen3_next", read_qwen3_next, kExperts, kSorted},
};

}  // namespace

std::span<const GgufFamily> gguf_hybrid_families() { return kFamilies; }

}  // namespace azimuth
