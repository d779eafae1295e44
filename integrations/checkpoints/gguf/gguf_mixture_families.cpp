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

Routing::Score score_of(Fields fields) {
  constexpr std::string_view key = "expert_gating_func";
  const std::int64_t function = fields.has(key) ? fields.integer(key) : 2;
  if (function != 1 && function != 2) {
    fields.fail(key, "is " + std::to_string(function) + "; 1 and 2 are supported");
  }
  return function == 1 ? Routing::Score::softmax : Routing::Score::sigmoid;
}

// Of DeepSeek V3 and those after it: experts chosen by groups, and one more for all tokens behind
// the first blocks, which are dense.
void read_grouped_experts(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_experts(fields, a);
  Routing& routing = a.routing;
  routing.score = score_of(fields);
  routing.choice_bias = true;
  routing.normalised = fields.flag("expert_weights_norm", false);
  constexpr std::string_view scale = "expert_weights_scale";
  if (fields.has(scale) && fields.real(scale) != 0) routing.scale = fields.real(scale);
  const auto count = [&](std::string_view key) {
    return fields.has(key) && fields.integer(key) != 0 ? fields.count(key, a.experts) : 1;
  };
  routing.groups = count("expert_group_count");
  routing.groups_per_token = count("expert_group_used_count");
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

constexpr std::string_view kExperts[] = {"expert_count"};
constexpr std::string_view kGroupedExperts[] = {"expert_count",
                                                "expert_gating_func",
                                                "expert_group_count",
                                                "expert_shared_count",
                                                "expert_weights_norm",
                                                "expert_weights_scale",
                                                "leading_dense_block_count"};

constexpr GgufFamily kFamilies[] = {
    {"dots1", "dots1", read_grouped_experts, kGroupedExperts},
    {"glm4moe", "glm4_moe", read_grouped_experts, kGroupedExperts},
    {"llama", "llama", read_llama, kExperts},
    {"qwen2moe", "qwen2_moe", read_qwen2_moe, kExperts},
    {"qwen3moe", "qwen3_moe", read_qwen3_moe, kExperts},
};

}  // namespace

std::span<const GgufFamily> gguf_mixture_families() { return kFamilies; }

}  // namespace azimuth
