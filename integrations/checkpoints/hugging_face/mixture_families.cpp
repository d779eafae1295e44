#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "hugging_face/family_fields.h"
#include "hugging_face/hugging_face_families.h"

namespace azimuth {
namespace {

using enum Role;
using namespace family;

// Of experts: how many there are, how many a token goes to, and how wide they are.
void read_experts(Fields fields, Config config, ConfigFields::Keys keys, std::int64_t experts,
                  std::int64_t per_token) {
  config.architecture.experts = fields.count(keys, experts, kMaxExperts);
  config.architecture.routing.experts_per_token =
      fields.count({"num_experts_per_tok"}, per_token, kMaxExperts);
}

void read_expert_size(Fields fields, Config config, std::int64_t otherwise) {
  config.expert_size = fields.count({"moe_intermediate_size"}, otherwise, kMaxFfnSize);
}

void read_mixtral(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 14'336, .kv_heads = 8, .epsilon = 1e-5});
  never(config, kAttentionBiases);
  read_experts(fields, config, {"num_local_experts", "num_experts"}, 8, 2);
}

// Of the Qwens: which blocks are mixtures.
void read_sparse_step(Fields fields, Config config) {
  const std::int64_t step = fields.count({"decoder_sparse_step"}, 1, kMaxBlocks);
  std::vector<std::int64_t> dense = fields.counts("mlp_only_layers", kMaxBlocks);
  std::ranges::sort(dense);
  set_mixtures(config, [&](std::int64_t block) {
    return (block + 1) % step == 0 && !std::ranges::binary_search(dense, block);
  });
}

void read_qwen2_moe(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 5'632, .kv_heads = 16});
  read_biases(fields, config, "qkv_bias", true, kQueryKeyValueBiases);
  never(config, {output_bias});
  never(config, kFfnBiases);
  read_experts(fields, config, {"num_experts", "num_local_experts"}, 60, 4);
  read_expert_size(fields, config, 1'408);
  config.shared_expert_size = fields.count({"shared_expert_intermediate_size"}, 5'632, kMaxFfnSize);
  Architecture& a = config.architecture;
  a.routing.normalised = fields.flag("norm_topk_prob", false);
  a.shared_expert = a.shared_expert_gate = true;
  read_sparse_step(fields, config);
}

void read_qwen3_moe(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 6'144, .kv_heads = 4});
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
  read_experts(fields, config, {"num_local_experts", "num_experts"}, 128, 8);
  read_expert_size(fields, config, 768);
  config.architecture.routing.normalised = fields.flag("norm_topk_prob", false);
  read_sparse_step(fields, config);
}

// Of DeepSeek V3 and those after it: experts chosen by groups, and one more for all tokens behind
// the first blocks, which are dense.
struct GroupedDefaults {
  std::int64_t experts = 0;    ///< 0: the file must say
  std::int64_t per_token = 0;  ///< 0: the same
  std::int64_t expert_size = 0;
  std::int64_t shared = 1;  ///< 0: the same
  std::int64_t dense_blocks = 0;
  std::int64_t groups = 1;
  std::int64_t groups_per_token = 1;
  bool normalised = true;
  double scale = 1;
};

std::int64_t count_or_fail(Fields fields, std::string_view key, std::int64_t otherwise,
                           std::int64_t max) {
  const std::int64_t count = fields.count({key}, otherwise, max);
  if (count == 0) fields.fail(key, "is missing");
  return count;
}

void read_grouped_experts(Fields fields, Config config, GroupedDefaults defaults) {
  Architecture& a = config.architecture;
  a.experts = count_or_fail(fields, "n_routed_experts", defaults.experts, kMaxExperts);
  Routing& routing = a.routing;
  routing.experts_per_token =
      count_or_fail(fields, "num_experts_per_tok", defaults.per_token, kMaxExperts);
  routing.score = Routing::Score::sigmoid;
  routing.choice_bias = true;
  routing.normalised = fields.flag("norm_topk_prob", defaults.normalised);
  routing.scale = fields.real("routed_scaling_factor", defaults.scale, kMaxScale);
  routing.groups = fields.count({"n_group"}, defaults.groups, kMaxExperts);
  routing.groups_per_token = fields.count({"topk_group"}, defaults.groups_per_token, kMaxExperts);
  read_expert_size(fields, config, defaults.expert_size);
  a.shared_expert = true;
  config.shared_expert_size =
      config.expert_size * count_or_fail(fields, "n_shared_experts", defaults.shared, kMaxExperts);
  const std::int64_t dense =
      fields.count_from_zero("first_k_dense_replace", defaults.dense_blocks, kMaxBlocks);
  set_mixtures(config, [&](std::int64_t block) { return block >= dense; });
}

void read_glm4_moe(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 10'944, .kv_heads = 8, .epsilon = 1e-5});
  read_biases(fields, config, "attention_bias", false, kQueryKeyValueBiases);
  never(config, {output_bias});
  never(config, kFfnBiases);
  read_grouped_experts(fields, config,
                       {.experts = 128, .per_token = 8, .expert_size = 1'408, .dense_blocks = 1});
  config.further_blocks = fields.count_from_zero("num_nextn_predict_layers", 1, kMaxFurtherBlocks);
}

void read_dots1(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 10'944, .kv_heads = 32});
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
  read_grouped_experts(fields, config, {.expert_size = 1'408, .shared = 0, .normalised = false});
}

// Latent attention, whose norm of the latent vector has an epsilon of its own, and gated FFNs.
void read_like_deepseek(Fields fields, Config config, std::int64_t ffn_size) {
  Architecture& a = config.architecture;
  read_kv_heads(fields, config);
  if (a.kv_heads != a.heads) {
    fields.fail("num_key_value_heads",
                "is not num_attention_heads: latent attention has values "
                "for every head");
  }
  a.latent.rank = fields.count({"kv_lora_rank"}, 512, kMaxHeadSize);
  a.latent.key_size = fields.count({"qk_nope_head_dim"}, 128, kMaxHeadSize);
  a.latent.rotated_key_size = fields.count({"qk_rope_head_dim"}, 64, kMaxHeadSize);
  a.head_size = fields.count({"v_head_dim"}, 128, kMaxHeadSize);
  config.query_rank =
      fields.is_null("q_lora_rank") ? 0 : fields.count({"q_lora_rank"}, 1'536, kMaxFfnSize);
  read_biases(fields, config, "attention_bias", false,
              {latent_query_bias, latent_bias, output_bias});
  never(config, {query_bias});
  read_norm(fields, config, NormKind::rms, "rms_norm_eps", 1e-6);
  read_activation(fields, config, "hidden_act", "silu");
  read_ffn_size(fields, config, "intermediate_size", ffn_size);
}

// What publishers' own code reads, and Transformers does not.
void expect(Fields fields, std::string_view key, std::string_view supported) {
  const std::string_view text = fields.text(key, supported);
  if (text != supported) {
    fields.fail(key, "is '" + std::string(text.substr(0, 120)) + "'; " + std::string(supported) +
                         " is supported");
  }
}

void expect_every_block(Fields fields) {
  constexpr std::string_view key = "moe_layer_freq";
  if (fields.count({key}, 1, kMaxBlocks) != 1) fields.fail(key, "is not 1, which is supported");
}

void read_deepseek_v2(Fields fields, Config config) {
  Architecture& a = config.architecture;
  read_like_deepseek(fields, config, 11'008);
  if (fields.flag("mlp_bias", false)) fields.fail("mlp_bias", "is true, which is not supported");
  never(config, kFfnBiases);
  expect(fields, "scoring_func", "softmax");
  expect_every_block(fields);
  read_grouped_experts(fields, config, {.experts = 64, .expert_size = 1'407, .shared = 2});
  Routing& routing = a.routing;
  routing.score = Routing::Score::softmax;
  routing.choice_bias = routing.normalised = false;
  if (fields.flag("norm_topk_prob", false)) {
    fields.fail("norm_topk_prob", "is true, which Transformers does not read");
  }
  const std::string_view method = fields.text("topk_method", "greedy");
  if (method == "greedy") {
    routing.groups = routing.groups_per_token = 1;
  } else if (method != "group_limited_greedy") {
    fields.fail("topk_method", "'" + std::string(method.substr(0, 120)) +
                                   "' is not supported; supported are greedy, "
                                   "group_limited_greedy");
  }
}

void read_deepseek_v3(Fields fields, Config config) {
  read_like_deepseek(fields, config, 18'432);
  never(config, kFfnBiases);
  expect(fields, "scoring_func", "sigmoid");
  expect(fields, "topk_method", "noaux_tc");
  expect_every_block(fields);
  read_grouped_experts(fields, config,
                       {.experts = 256,
                        .per_token = 8,
                        .expert_size = 2'048,
                        .dense_blocks = 3,
                        .groups = 8,
                        .groups_per_token = 4,
                        .scale = 2.5});
  config.further_blocks = fields.count_from_zero("num_nextn_predict_layers", 1, kMaxFurtherBlocks);
}

// Transformers has no class for it: what the defaults of its own code say otherwise must be there.
void read_kimi_k2(Fields fields, Config config) {
  for (const std::string_view key :
       {"n_routed_experts", "num_experts_per_tok", "n_shared_experts", "n_group", "topk_group",
        "first_k_dense_replace", "norm_topk_prob"}) {
    if (!fields.has(key) || fields.is_null(key)) fields.fail(key, "is missing");
  }
  read_deepseek_v3(fields, config);
}

// The first and the last block that may be a mixture, from 0, and every which of them is one.
void read_ernie_blocks(Fields fields, Config config) {
  constexpr std::string_view last = "moe_layer_end_index";
  const std::int64_t step = fields.count({"moe_layer_interval"}, 1, kMaxBlocks);
  const std::int64_t start = fields.count_from_zero("moe_layer_start_index", 1, kMaxBlocks);
  const bool to_the_end = !fields.gives(last) || fields.json()[last] == -1;
  const std::int64_t end =
      to_the_end ? config.block_count - 1 : fields.count_from_zero(last, 0, kMaxBlocks);
  set_mixtures(config, [&](std::int64_t block) {
    return (block + 1) % step == 0 && block >= start && block <= end;
  });
}

void read_ernie4_5_moe(Fields fields, Config config) {
  Architecture& a = config.architecture;
  read_like_llama(fields, config, {.ffn_size = 12'288, .kv_heads = 4, .epsilon = 1e-5});
  if (fields.flag("use_bias", false)) fields.fail("use_bias", "is true, which is not supported");
  never(config, kAttentionBiases);
  never(config, kFfnBiases);
  // What the sum of a token's shares is taken to be at least, before they are divided by it.
  constexpr double kLeastSum = 1e-12;
  if (fields.real("moe_norm_min", kLeastSum, kMaxScale) > kLeastSum) {
    fields.fail("moe_norm_min", "is more than 1e-12, which is not supported");
  }
  a.experts = fields.count({"moe_num_experts", "num_experts"}, 64, kMaxExperts);
  a.routing.experts_per_token = fields.count({"moe_k", "num_experts_per_tok"}, 6, kMaxExperts);
  a.routing.choice_bias = true;
  read_expert_size(fields, config, 1'536);
  const std::int64_t shared = fields.count_from_zero("moe_num_shared_experts", 2, kMaxExperts);
  a.shared_expert = shared > 0;
  config.shared_expert_size = shared * config.expert_size;
  read_ernie_blocks(fields, config);
}

void read_olmoe(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 2'048, .epsilon = 1e-5});
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
  read_experts(fields, config, {"num_experts", "num_local_experts"}, 64, 8);
  config.architecture.routing.normalised = fields.flag("norm_topk_prob", false);
  config.architecture.qkv_clip = fields.real("clip_qkv", 0, kMaxClip);
}

void read_phimoe(Fields fields, Config config) {
  Architecture& a = config.architecture;
  read_like_llama(fields, config, {.ffn_size = 6'400, .kv_heads = 8, .epsilon = 1e-5});
  a.norm = NormKind::layer;
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  read_biases(fields, config, "lm_head_bias", false, {head_bias});
  never(config, kFfnBiases);
  read_experts(fields, config, {"num_local_experts", "num_experts"}, 16, 2);
  a.routing = {.experts_per_token = 2,  // whatever the file says
               .score = Routing::Score::sparse_mixer,
               .reach = 2 * fields.real("router_jitter_noise", 0.01, kMaxScale)};
}

void read_minimax_m2(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 1'536, .kv_heads = 8, .head_size = 128});
  never(config, kAttentionBiases);
  never(config, kFfnBiases);
  expect(fields, "scoring_func", "sigmoid");
  read_experts(fields, config, {"num_local_experts", "num_experts"}, 256, 8);
  config.architecture.routing.score = Routing::Score::sigmoid;
  config.architecture.routing.choice_bias = true;
}

void read_granitemoe(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 11'008});
  read_granite_multipliers(fields, config);
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
  read_experts(fields, config, {"num_local_experts", "num_experts"}, 8, 2);
}

// The same with an expert that every token goes to, where it has a size.
void read_granitemoeshared(Fields fields, Config config) {
  read_granitemoe(fields, config);
  config.shared_expert_size = fields.count_from_zero("shared_intermediate_size", 0, kMaxFfnSize);
  config.architecture.shared_expert = config.shared_expert_size > 0;
}

void read_llama4_text(Fields fields, Config config) {
  Architecture& a = config.architecture;
  read_like_llama(fields, config, {.kv_heads = 8, .head_size = 128, .epsilon = 1e-5});
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
  read_experts(fields, config, {"num_local_experts", "num_experts"}, 16, 1);
  config.expert_size = config.shared_expert_size =
      fields.count({"intermediate_size"}, 8'192, kMaxFfnSize);
  read_ffn_size(fields, config, "intermediate_size_mlp", 16'384);
  a.routing.score = Routing::Score::sigmoid;
  a.routing.normalised = false;
  a.routing.scales_input = true;
  a.shared_expert = a.transposed_experts = true;
  const std::int64_t step = fields.count({"interleave_moe_layer_step"}, 1, kMaxBlocks);
  const bool listed = fields.has("moe_layers") && !fields.is_null("moe_layers");
  std::vector<std::int64_t> mixtures = fields.counts("moe_layers", kMaxBlocks);
  std::ranges::sort(mixtures);
  set_mixtures(config, [&](std::int64_t block) {
    return listed ? std::ranges::binary_search(mixtures, block) : (block + 1) % step == 0;
  });
}

// What RoPE's scaling multiplies queries and keys with, each.
double rotary_factor(Fields fields) {
  constexpr double kMaxFactor = 1e6;
  for (const std::string_view key : {"rope_scaling", "rope_parameters"}) {
    const ConfigFields rope = fields.object(key);
    if (rope.json().empty()) continue;
    const std::string_view type = rope.text("rope_type", rope.text("type", "default"));
    if (type == "default" || type == "linear" || type == "dynamic" || type == "llama3") return 1;
    if (type != "yarn") {
      rope.fail("rope_type", "'" + std::string(type.substr(0, 120)) +
                                 "' is not supported where there are attention sinks");
    }
    const double given = rope.real("attention_factor", -1, kMaxFactor);
    if (given >= 0) return given;
    const double factor = rope.real("factor", 0, kMaxFactor);
    if (factor == 0) rope.fail("factor", "is missing");
    const auto scale = [&](double m) { return factor <= 1 ? 1.0 : 0.1 * m * std::log(factor) + 1; };
    const double m = rope.real("mscale", 0, kMaxFactor);
    const double all = rope.real("mscale_all_dim", 0, kMaxFactor);
    return m > 0 && all > 0 ? scale(m) / scale(all) : scale(1);
  }
  return 0.1 * std::log(32.0) + 1;  // of the class
}

void read_gpt_oss(Fields fields, Config config) {
  Architecture& a = config.architecture;
  read_kv_heads(fields, config, 8);
  read_head_size(fields, config, 64);
  read_norm(fields, config, NormKind::rms, "rms_norm_eps", 1e-5);
  read_ffn_size(fields, config, "intermediate_size", 2'880);
  read_biases(fields, config, "attention_bias", true,
              {sink_query_bias, sink_key_bias, value_bias, output_bias});
  read_experts(fields, config, {"num_local_experts", "num_experts"}, 128, 4);
  a.attention_sinks = true;
  a.rotary_factor = rotary_factor(fields);
  a.gate_up_by_turns = a.transposed_experts = true;
  a.clamped_gate = {fields.real("swiglu_limit", 7, kMaxScale),
                    fields.real("swiglu_alpha", 1.702, kMaxScale)};
  if (a.clamped_gate.limit == 0) fields.fail("swiglu_limit", "is 0, which is not supported");
  if (a.clamped_gate.steepness == 0) fields.fail("swiglu_alpha", "is 0, which is not supported");
}

void read_qwen3_vl_moe(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 5'632, .kv_heads = 16});
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
  read_experts(fields, config, {"num_local_experts", "num_experts"}, 60, 4);
  read_expert_size(fields, config, 1'408);
  read_sparse_step(fields, config);
}

constexpr HuggingFaceFamily kMixtures[] = {
    {"deepseek_v2", 4'096, 32, 102'400, 32, 1, read_deepseek_v2},
    {"deepseek_v3", 7'168, 61, 129'280, 128, 0, read_deepseek_v3},
    {"dots1", 4'608, 62, 152'064, 32, -1, read_dots1},
    {"ernie4_5_moe", 2'560, 28, 103'424, 20, 1, read_ernie4_5_moe},
    {"glm4_moe", 4'096, 46, 151'552, 96, -1, read_glm4_moe},
    {"gpt_oss", 2'880, 36, 201'088, 64, -1, read_gpt_oss},
    {"granitemoe", 4'096, 32, 32'000, 32, 1, read_granitemoe},
    {"granitemoeshared", 4'096, 32, 32'000, 32, 1, read_granitemoeshared, QkvLayout::by_kind,
     "granitemoe"},
    {"kimi_k2", 7'168, 61, 129'280, 128, 0, read_kimi_k2, QkvLayout::by_kind, "deepseek_v3"},
    {"llama4_text", 5'120, 48, 202'048, 40, 1, read_llama4_text},
    {"minimax_m2", 3'072, 62, 200'064, 48, 200'034, read_minimax_m2},
    {"mixtral", 4'096, 32, 32'000, 32, 1, read_mixtral},
    {"olmoe", 2'048, 16, 50'304, 16, -1, read_olmoe},
    {"phimoe", 4'096, 32, 32'064, 32, 1, read_phimoe},
    {"qwen2_moe", 2'048, 24, 151'936, 16, -1, read_qwen2_moe},
    {"qwen3_moe", 2'048, 24, 151'936, 32, -1, read_qwen3_moe},
    {"qwen3_vl_moe_text", 2'048, 24, 151'936, 16, -1, read_qwen3_vl_moe, QkvLayout::by_kind,
     "qwen3_moe"},
};

}  // namespace

std::span<const HuggingFaceFamily> mixture_families() { return kMixtures; }

}  // namespace azimuth
