#include "azimuth/architecture.h"

#include <stdexcept>

namespace azimuth {
namespace {

void check(const Architecture& architecture) {
  if (architecture.heads < 1 || architecture.kv_heads < 1 ||
      architecture.heads % architecture.kv_heads != 0) {
    throw std::invalid_argument("azimuth: architecture " + architecture.name +
                                ": heads must be a positive multiple of kv_heads");
  }
  if (!(architecture.norm_epsilon >= 0)) {
    throw std::invalid_argument("azimuth: architecture " + architecture.name +
                                ": norm_epsilon must not be negative");
  }
}

}  // namespace

Architecture Architecture::llama(Llama options) {
  Architecture a;
  a.name = "llama";
  a.heads = options.heads;
  a.kv_heads = options.kv_heads == 0 ? options.heads : options.kv_heads;
  a.norm_epsilon = options.norm_epsilon;
  a.special_token_ids = std::move(options.special_token_ids);
  check(a);
  return a;
}

Architecture Architecture::gpt2(Gpt2 options) {
  Architecture a;
  a.name = "gpt2";
  a.heads = options.heads;
  a.kv_heads = options.heads;
  a.activation = Activation::gelu_tanh;
  a.norm = NormKind::layer;
  a.norm_epsilon = options.norm_epsilon;
  a.gated_ffn = false;
  a.learned_positions = true;
  a.special_token_ids = std::move(options.special_token_ids);
  check(a);
  return a;
}

}  // namespace azimuth
