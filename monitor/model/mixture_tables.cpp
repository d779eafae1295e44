#include "model/role_tables.h"
#include "model/shared_names.h"

namespace azimuth {
namespace {

using namespace names;

// Transformers 5, whose files hold all experts of a block in one tensor, has those of kExperts.
constexpr ModuleName kMixtralExperts[] = {
    {"layers.{}.block_sparse_moe.gate", router_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w1", gate_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w3", up_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w2", down_weight},
};

}  // namespace

std::vector<RoleTable> mixture_tables() {
  return {
      {"dots1",
       {kDecoder, kNormsBefore, kAttention, kQueryKeyNorms, kGatedFfn, kExperts, kSharedExperts}},
      {"glm4_moe",
       {kDecoder, kNormsBefore, kAttention, kQueryKeyNorms, kGatedFfn, kExperts, kSharedExperts}},
      {"mixtral",
       {kDecoder, kNormsBefore, kAttention, kMixtralExperts, kExperts, kGguf, kGgufExperts}},
      {"qwen2_moe", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kExperts, kGatedSharedExpert}},
      {"qwen3_moe", {kDecoder, kNormsBefore, kAttention, kQueryKeyNorms, kGatedFfn, kExperts}},
  };
}

}  // namespace azimuth
