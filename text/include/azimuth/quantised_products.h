#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "azimuth/decoder.h"
#include "azimuth/progress.h"
#include "azimuth/quantisation_evaluation.h"

namespace azimuth {

/// What SmoothQuant (Xiao et al., arXiv 2211.10438) with α = 0.5 divides the inputs of maps by that
/// read one norm, and multiplies the columns of their weights with: `√(max|x_j| / max|W_j|)`, the
/// maxima over all tokens of a text and all rows of the weights. By block and
/// `LinearParameters::norm`.
using Smoothing = std::map<std::pair<std::int64_t, std::int64_t>, at::Tensor>;

/// Of a text, {sequences, tokens} of int64, one sequence after the other; `progress` is told of
/// each. Throws what Decoder::forward does, and Cancelled. Memory: a number an input of each such
/// norm.
Smoothing smoothing(const Decoder& decoder, const at::Tensor& ids, Progress* progress = nullptr);

/// A decoder's blocks in eight bits, or their weights in four, round-to-nearest: every linear map
/// in them multiplies whole numbers, those of its weight (scaled once, or by output) with those of
/// its input (scaled by the largest number in it), summed exactly. The head stays as it is. Of one
/// sequence at a time, since the scale of the input is that of all tokens it is given.
class QuantisedProducts final : public Products {
 public:
  /// Rounds every weight as it is now: one byte a number beside the decoder. Throws
  /// std::invalid_argument for other widths than 4 and 8, std::domain_error for a weight that is
  /// not finite.
  QuantisedProducts(const Decoder& decoder, const QuantisationScheme& scheme,
                    Smoothing smoothing = {});
  ~QuantisedProducts() override;

  /// Those maps, of a mixture all experts', have their weight and their input as they are, from now
  /// on and alone.
  void keep(std::span<const WeightPlace> kept);

  /// Throws std::domain_error for an input that is not finite.
  at::Tensor product(const LinearParameters& linear, const at::Tensor& X) override;

 private:
  struct Map;
  class Maps;
  std::unique_ptr<Maps> maps_;
};

}  // namespace azimuth
