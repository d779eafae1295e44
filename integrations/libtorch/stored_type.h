#pragma once

#include <torch/types.h>

#include <optional>

#include "azimuth/tensor_view.h"

namespace azimuth {

/// The stored type that a tensor of this element type has; nothing if it is not one of float32,
/// float16 and bfloat16, the only ones that can be watched.
inline std::optional<StoredType> stored_type_of(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat32:
      return StoredType::f32;
    case torch::kFloat16:
      return StoredType::f16;
    case torch::kBFloat16:
      return StoredType::bf16;
    default:
      return std::nullopt;
  }
}

}  // namespace azimuth
