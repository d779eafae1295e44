#include "model/role_tables.h"
#include "model/shared_names.h"

namespace azimuth {

std::vector<RoleTable> gemma_tables() {
  using namespace names;
  return {
      {"gemma", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kGguf}},
      {"gemma2", {kDecoder, kNormsSandwich, kAttention, kGatedFfn, kGguf, kGgufNormsAfter}},
      {"gemma3_text",
       {kDecoder, kNormsSandwich, kAttention, kQueryKeyNorms, kGatedFfn, kGguf, kGgufNormsAfter,
        kGgufQueryKeyNorms}},
  };
}

}  // namespace azimuth
