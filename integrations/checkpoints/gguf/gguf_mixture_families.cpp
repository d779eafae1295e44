#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <string_view>

#include "gguf/gguf_family_fields.h"

namespace azimuth {
namespace {

using namespace gguf_family;

// Mistral and Mixtral too.
void read_llama(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  if (!fields.has("expert_count") || fields.integer("expert_count") == 0) return;
  a.name = "mixtral";
  read_experts(fields, a);
}

// That a token's shares are not divided by their sum is not written, and true of all that were
// published; of Qwen 3 the reverse.
void read_qwen2_moe(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_experts(fields, a);
  a.routing.normalised = false;
  a.shared_expert = a.shared_expert_gate = true;
}

void read_qwen3_moe(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_experts(fields, a);
}

// Of DeepSeek V3 and those after it: experts chosen by groups, and one more for all tokens behind
// the first blocks, which are dense.
void read_grouped_experts(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_grouped_routing(fields, a);
  constexpr std::string_view shared = "expert_shared_count";
  a.shared_expert = fields.has(shared) && fields.integer(shared) != 0;

  constexpr std::string_view leading = "leading_dense_block_count";
  if (!fields.has(leading) || fields.integer(leading) == 0) return;
  const std::int64_t blocks = fields.blocks();
  const std::int64_t dense = fields.count(leading, blocks);
  for (std::int64_t block = 0; block < blocks; ++block) {
    const MixerKind second = block < dense ? MixerKind::feed_forward : MixerKind::experts;
    a.blocks.push_back({{MixerKind::attention}, {second}});
  }
}

// A head's keys and values are made from what is kept of a token. Of the file's sizes those whose
// names end in _mla are of a head, where there are some, and the plain ones of what is kept.
void read_latent(Fields fields, Architecture& a) {
  const bool split = fields.has("attention.key_length_mla");
  const std::string end = split ? "_mla" : "";
  const std::string key_length = "attention.key_length" + end;
  a.latent.rank = fields.count("attention.kv_lora_rank", kMaxSize);
  a.latent.rotated_key_size = fields.count("rope.dimension_count", kMaxSize);
  a.latent.key_size = fields.count(key_length, kMaxSize) - a.latent.rotated_key_size;
  if (a.latent.key_size < 1) fields.fail(key_length, "is not more than rope.dimension_count");
  a.head_size = fields.count("attention.value_length" + end, kMaxSize);
  if (a.kv_heads != (split ? 1 : a.heads)) {
    fields.fail("attention.head_count_kv",
                "is " + std::to_string(a.kv_heads) +
                    ": latent attention keeps one vector of a token, and has keys and values of "
                    "all heads");
  }
  a.kv_heads = a.heads;
}

// DeepSeek V2, where shares are a softmax, and V3, which Kimi K2 is too.
void read_deepseek2(Fields fields, Architecture& a) {
  constexpr std::string_view groups = "expert_group_count";
  constexpr std::string_view normalised = "expert_weights_norm";
  read_grouped_experts(fields, a);
  read_latent(fields, a);
  // Of those that were published, V2 and V3 choose by groups, and older files do not say it.
  constexpr std::int64_t kExpertsOfGroups[] = {160, 256};
  if (!fields.has(groups) &&
      std::ranges::find(kExpertsOfGroups, a.experts) != std::end(kExpertsOfGroups)) {
    fields.fail(groups, "is missing: models of " + std::to_string(a.experts) +
                            " experts choose them by groups, and how many there are is not known");
  }
  if (fields.has(kScore) && a.routing.score == Routing::Score::sigmoid) return;
  a.name = "deepseek_v2";
  a.routing.score = Routing::Score::softmax;
  a.routing.choice_bias = false;
  if (a.routing.normalised) fields.fail(normalised, "is true, which Transformers does not read");
}

// What RoPE's scaling multiplies queries and keys with, each.
double rotary_factor(Fields fields) {
  constexpr std::string_view type_key = "rope.scaling.type";
  constexpr std::string_view factor_key = "rope.scaling.factor";
  constexpr std::string_view attention_key = "rope.scaling.yarn_attn_factor";
  for (const std::string_view key :
       {"rope.scaling.attn_factor", "rope.scaling.yarn_log_multiplier"}) {
    if (fields.has(key)) fields.fail(key, "is not supported where there are attention sinks");
  }
  const std::string_view type = fields.has(type_key) ? fields.string(type_key) : "none";
  if (type == "none" || type == "linear") return 1;
  if (type != "yarn") {
    fields.fail(type_key, "'" + std::string(type.substr(0, 120)) +
                              "' is not supported where there are attention sinks");
  }
  if (fields.has(attention_key)) return positive(fields, attention_key);
  const double factor = positive(fields, factor_key);
  return factor <= 1 ? 1 : 0.1 * std::log(factor) + 1;
}

void read_gpt_oss(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_experts(fields, a);
  a.attention_sinks = true;
  a.rotary_factor = rotary_factor(fields);
  a.clamped_gate = {7, 1.702};
}

void read_granitemoe(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_granite_multipliers(fields, a);
  read_experts(fields, a);
  constexpr std::string_view shared = "expert_shared_feed_forward_length";
  a.shared_expert = fields.has(shared) && fields.integer(shared) != 0;
}

// Every so many blocks one is a mixture.
void read_llama4(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_experts(fields, a);
  a.routing.score = Routing::Score::sigmoid;
  a.routing.normalised = false;
  a.routing.scales_input = true;
  a.shared_expert = true;
  const std::int64_t blocks = fields.blocks();
  const std::int64_t step = fields.count("interleave_moe_layer_step", blocks);
  if (step == 1) return;
  for (std::int64_t block = 1; block <= blocks; ++block) {
    const MixerKind second = block % step == 0 ? MixerKind::experts : MixerKind::feed_forward;
    a.blocks.push_back({{MixerKind::attention}, {second}});
  }
}

// The same behind the first blocks, which are dense. That a file's last blocks are is not written.
void read_ernie4_5_moe(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_experts(fields, a);
  a.routing.choice_bias = true;
  constexpr std::string_view shared = "expert_shared_count";
  a.shared_expert = fields.has(shared) && fields.integer(shared) != 0;

  const std::int64_t blocks = fields.blocks();
  const std::int64_t step = fields.count("interleave_moe_layer_step", blocks);
  constexpr std::string_view leading = "leading_dense_block_count";
  const std::int64_t dense = fields.integer(leading) == 0 ? 0 : fields.count(leading, blocks);
  if (step == 1 && dense == 0) return;
  for (std::int64_t block = 1; block <= blocks; ++block) {
    const bool mixture = block > dense && block % step == 0;
    a.blocks.push_back(
        {{MixerKind::attention}, {mixture ? MixerKind::experts : MixerKind::feed_forward}});
  }
}

void read_minimax_m2(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_experts(fields, a);
  a.routing.score = read_score(fields);
  a.routing.choice_bias = true;
  if (a.routing.score != Routing::Score::sigmoid) fields.fail(kScore, "is not 2, sigmoid");
}

// Its shares are not divided by their sum: no file says it, and it is true of what was published.
void read_olmoe(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_experts(fields, a);
  read_clip(fields, a);
  a.routing.normalised = false;
}

// Its norms are layer norms, whatever the key says. How far experts reach no file says: it is what
// was published.
void read_phimoe(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.norm = NormKind::layer;
  read_experts(fields, a);
  if (a.routing.experts_per_token != 2) {
    fields.fail("expert_used_count", "is not 2, which is what its router chooses");
  }
  a.routing.score = Routing::Score::sparse_mixer;
  a.routing.reach = 2 * 0.01;
}

constexpr std::string_view kExperts[] = {"expert_count"};
constexpr std::string_view kClippedExperts[] = {"expert_count", "attention.clamp_kqv"};
constexpr std::string_view kScoredExperts[] = {"expert_count", "expert_gating_func"};
constexpr std::string_view kErnieExperts[] = {"expert_count", "expert_shared_count",
                                              "leading_dense_block_count"};
constexpr std::string_view kMultipliedExperts[] = {"expert_count", "embedding_scale",
                                                   "residual_scale"};
constexpr GgufFamily kFamilies[] = {
    {"deepseek2", "deepseek_v3", read_deepseek2, kGroupedRouting},
    {"dots1", "dots1", read_grouped_experts, kGroupedRouting},
    {"ernie4_5-moe", "ernie4_5_moe", read_ernie4_5_moe, kErnieExperts},
    {"glm4moe", "glm4_moe", read_grouped_experts, kGroupedRouting},
    {"gpt-oss", "gpt_oss", read_gpt_oss, kExperts},
    {"granitemoe", "granitemoe", read_granitemoe, kMultipliedExperts},
    {"llama", "llama", read_llama, kExperts},
    {"llama4", "llama4_text", read_llama4, kExperts},
    {"minimax-m2", "minimax_m2", read_minimax_m2, kScoredExperts},
    {"olmoe", "olmoe", read_olmoe, kClippedExperts},
    {"phimoe", "phimoe", read_phimoe, kExperts},
    {"qwen2moe", "qwen2_moe", read_qwen2_moe, kExperts},
    {"qwen3moe", "qwen3_moe", read_qwen3_moe, kExperts},
    {"qwen3vlmoe", "qwen3_moe", read_qwen3_moe, kExperts},
};

}  // namespace

std::span<const GgufFamily> gguf_mixture_families() { return kFamilies; }

}  // namespace azimuth
