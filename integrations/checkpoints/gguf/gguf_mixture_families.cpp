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

constexpr std::string_view kExperts[] = {"expert_count"};
constexpr GgufFamily kFamilies[] = {
    {"dots1", "dots1", read_grouped_experts, kGroupedRouting},
    {"glm4moe", "glm4_moe", read_grouped_experts, kGroupedRouting},
    {"llama", "llama", read_llama, kExperts},
    {"qwen2moe", "qwen2_moe", read_qwen2_moe, kExperts},
    {"qwen3moe", "qwen3_moe", read_qwen3_moe, kExperts},
    {"qwen3vlmoe", "qwen3_moe", read_qwen3_moe, kExperts},
};

}  // namespace

std::span<const GgufFamily> gguf_mixture_families() { return kFamilies; }

}  // namespace azimuth
