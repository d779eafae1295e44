#include <string>
#include <string_view>
#include <vector>

#include "gguf/gguf_family_fields.h"

// Families whose blocks differ, or mix tokens in other ways than by attention alone.
namespace azimuth {
namespace {

using namespace gguf_family;

// Each block is `kind`, where it has such a tensor, or attention, and then an FFN. Which is which
// some converters write otherwise than it is (full_attention_interval) or not at all.
void read_blocks(Fields fields, Architecture& a, MixerKind kind, std::string_view module) {
  const std::int64_t blocks = fields.blocks();
  for (std::int64_t block = 0; block < blocks; ++block) {
    const bool has = fields.has_module("blk." + std::to_string(block) + "." + std::string(module));
    a.blocks.push_back({{has ? kind : MixerKind::attention}, {MixerKind::feed_forward}});
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

void read_lfm2(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.convolution_taps = fields.count("shortconv.l_cache", kMaxSize);
  read_blocks(fields, a, MixerKind::short_convolution, "shortconv.in_proj");
}

void read_qwen3_5(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.gated_attention = true;
  DeltaRuleSizes& rule = a.delta_rule;
  rule.key_heads = fields.count("ssm.group_count", kMaxHeads);
  rule.value_heads = fields.count("ssm.time_step_rank", kMaxHeads);
  rule.key_size = fields.count("ssm.state_size", kMaxSize);
  rule.value_size = read_inner_head_size(fields, rule.value_heads);
  rule.tiled = true;
  a.convolution_taps = fields.count("ssm.conv_kernel", kMaxSize);
  read_blocks(fields, a, MixerKind::delta_rule, "ssm_conv1d");
}

constexpr std::string_view kMultiplied =
    "its file has the model's multipliers in its weights, and does not say which they are: no "
    "adapter can be put on it";
constexpr std::string_view kTiled =
    "its file has the heads of values in another order than Transformers: no adapter can be put on "
    "it";

constexpr GgufFamily kFamilies[] = {
    {"falcon-h1", "falcon_h1", read_falcon_h1, {}, kMultiplied},
    {"granitehybrid", "bamba", read_granite_hybrid},
    {"lfm2", "lfm2", read_lfm2},
    {"qwen35", "qwen3_5_text", read_qwen3_5, {}, kTiled},
};

}  // namespace

std::span<const GgufFamily> gguf_hybrid_families() { return kFamilies; }

}  // namespace azimuth
