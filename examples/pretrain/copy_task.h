#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace azimuth::examples {

/// Sequences that a model can learn only with attention: each begins with BOS, tokens follow from
/// one another by a fixed random table, and a trigger token is followed by a repetition of the
/// token before it. Attention has nothing to do except after a trigger, and learns to rest on BOS:
/// where it rests, a high-norm direction grows.
class CopyTask {
 public:
  static constexpr std::int64_t kBos = 0;
  static constexpr std::int64_t kTriggers = 4;  ///< ids 1 to 4
  static constexpr std::int64_t kVocab = 64;

  explicit CopyTask(std::uint64_t seed);

  /// The next sequences, {batch, tokens + 1}: what is read, and one more to be predicted.
  at::Tensor next(std::int64_t batch, std::int64_t tokens);

 private:
  at::Generator random_;
  at::Tensor probabilities_;  ///< of the next token, by token
};

}  // namespace azimuth::examples
