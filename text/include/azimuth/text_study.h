#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "azimuth/decoder.h"
#include "azimuth/model_weights.h"
#include "azimuth/observation.h"
#include "azimuth/spectral.h"
#include "azimuth/text_observation.h"
#include "azimuth/workers.h"

namespace azimuth {

/// What is known of a model from its weights, that text is held against.
struct KnownOfWeights {
  const ModelWeights& weights;
  const Observation& observation;  ///< with the zero-attention reference
  const SpectralVectors& vectors;  ///< empty: no angle to them
  /// The whole vocabulary was looked at: what explodes by itself is in `observation`.
  bool vocabulary = false;
  double high_norm_ratio = 10;
};

/// The high-norm tokens of a text, sequence by sequence (docs/method.md, 9). What is kept are sums,
/// a number for each high-norm token and block, and a few for each token of the vocabulary: a
/// million tokens of a small model take some ten megabytes.
///
///     TextStudy study({weights, observation, vectors}, workers);
///     for (std::int64_t i = 0; i < text.size(); ++i) study.read(decoder, text.sequence(i));
///     const TextObservation seen = study.result();
class TextStudy {
 public:
  /// What is known, and `workers`, must live as long. Runs tokens by themselves through the weights
  /// here and in `result`.
  TextStudy(const KnownOfWeights& known, Workers& workers);
  ~TextStudy();
  TextStudy(TextStudy&&) noexcept;
  TextStudy& operator=(TextStudy&&) noexcept;

  /// Runs the model, a decoder of the same weights, on one sequence, {1, length} of int64 on any
  /// device. Throws std::invalid_argument for another shape or type, and what Decoder::forward
  /// does.
  void read(const Decoder& decoder, const at::Tensor& ids);

  /// All that was read, without method and spellings.
  TextObservation result() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace azimuth
