#include "model/role_tables.h"
#include "model/shared_names.h"

namespace azimuth {
namespace {

using namespace names;

constexpr ModuleName kMixtralExperts[] = {
    {"layers.{}.block_sparse_moe.gate", router_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w1", gate_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w3", up_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w2", down_weight},
    // Of Transformers 5, whose files hold all experts of a block in one tensor.
    {"layers.{}.mlp.gate", router_weight},
    {"layers.{}.mlp.experts.{}.gate_proj", gate_weight},
    {"layers.{}.mlp.experts.{}.up_proj", up_weight},
    {"layers.{}.mlp.experts.{}.down_proj", down_weight},
};

}  // namespace

std::vector<RoleTable> mixture_tables() {
  return {
      {"mixtral", {kDecoder, kNormsBefore, kAttention, kMixtralExperts, kGguf, kGgufExperts}},
  };
}

}  // namespace azimuth
