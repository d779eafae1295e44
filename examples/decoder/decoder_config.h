#pragma once

#include <cstdint>

namespace azimuth::examples {

/// Sizes and constants of a LLaMA. Hidden size / heads is the size of a head and even.
struct DecoderConfig {
  std::int64_t hidden = 0;
  std::int64_t ffn = 0;
  std::int64_t blocks = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t vocab = 0;
  double rope_theta = 10000;
  double norm_epsilon = 1e-5;
  bool tied_head = true;  ///< the token embedding is the head too
};

}  // namespace azimuth::examples
