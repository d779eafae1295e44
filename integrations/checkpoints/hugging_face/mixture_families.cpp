#include <algorithm>
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

constexpr HuggingFaceFamily kMixtures[] = {
    {"dots1", 4'608, 62, 152'064, 32, -1, read_dots1},
    {"glm4_moe", 4'096, 46, 151'552, 96, -1, read_glm4_moe},
    {"mixtral", 4'096, 32, 32'000, 32, 1, read_mixtral},
    {"qwen2_moe", 2'048, 24, 151'936, 16, -1, read_qwen2_moe},
    {"qwen3_moe", 2'048, 24, 151'936, 32, -1, read_qwen3_moe},
};

}  // namespace

std::span<const HuggingFaceFamily> mixture_families() { return kMixtures; }

}  // namespace azimuth
