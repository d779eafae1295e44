#include "hugging_face/family_fields.h"
#include "hugging_face/hugging_face_families.h"

namespace azimuth {
namespace {

using namespace family;

void read_mixtral(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 14'336, .kv_heads = 8, .epsilon = 1e-5});
  never(config, kAttentionBiases);
  config.architecture.experts = fields.count({"num_local_experts", "num_experts"}, 8, kMaxExperts);
  config.architecture.routing.experts_per_token =
      fields.count({"num_experts_per_tok"}, 2, kMaxExperts);
}

constexpr HuggingFaceFamily kMixtures[] = {
    {"mixtral", 4'096, 32, 32'000, 32, 1, read_mixtral},
};

}  // namespace

std::span<const HuggingFaceFamily> mixture_families() { return kMixtures; }

}  // namespace azimuth
