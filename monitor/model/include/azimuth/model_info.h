#pragma once

#include <cstdint>
#include <string>

namespace azimuth {

/// The model that something was measured on.
struct ModelInfo {
  std::string architecture;
  std::int64_t hidden_size = 0;
  std::int64_t ffn_size = 0;
  std::int64_t block_count = 0;
  std::int64_t vocab_size = 0;
  /// Those that the pass does not read too, but none of a tensor whose type is not read; tied ones
  /// count once, however often they are stored.
  std::int64_t parameter_count = 0;
  /// Of every tensor that has a role, a tied head's copy apart (ModelWeights::digest): equal for
  /// equal weights in any container that keeps their stored types, whatever their names there. Not
  /// of the configuration, nor of buffers.
  std::string weights_digest;
  std::string weights_fingerprint;
  /// Of the same tensors, their values rounded to bfloat16 (ModelWeights::bfloat16_digest): equal
  /// also where one of two holds such values and the other what they were rounded from.
  std::string bfloat16_digest;
};

}  // namespace azimuth
