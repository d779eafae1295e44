#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace azimuth {

/// `X Wᵀ` of int8, {tokens, inputs} and {outputs, inputs}, summed exactly: LibTorch's product of
/// int8 matrices where it has one for these shapes and their device that is exact. Of one device.
class IntegerProducts {
 public:
  /// int32, {tokens, outputs}.
  at::Tensor product(const at::Tensor& X, const at::Tensor& W);

  /// The same by products in float32 of few enough inputs that every sum is a whole number that
  /// float32 has.
  static at::Tensor by_floats(const at::Tensor& X, const at::Tensor& W);

 private:
  std::optional<bool> native_;  ///< whether LibTorch's own is there and exact; none: not tried
};

}  // namespace azimuth
