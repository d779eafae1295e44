#pragma once

#include <cstdint>
#include <vector>

#include "azimuth/decoder.h"

namespace azimuth::examples {

/// Of a LLaMA with RMS norms, rotary positions, grouped KV heads and gated SiLU. Hidden size /
/// heads is the size of a head, and even.
struct LlamaSizes {
  std::int64_t hidden = 0;
  std::int64_t ffn = 0;
  std::int64_t blocks = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t vocab = 0;
  bool tied_head = true;  ///< the token embedding is the head too
  std::vector<std::int64_t> special_token_ids = {};
};

/// With weights as LibTorch's own modules begin, from its generator: embeddings from N(0, 1).
Decoder new_llama(const LlamaSizes& sizes);

}  // namespace azimuth::examples
