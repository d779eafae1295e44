#pragma once

#include <cstdint>
#include <vector>

#include "quantised/stored_tensors.h"

namespace azimuth {

/// Scales as they are stored: F32, F16, BF16, or powers of two (F8_E8M0).
class Scales {
 public:
  /// Throws std::invalid_argument, naming the tensor: another type, or a number that is not finite.
  explicit Scales(StoredTensor tensor);

  const StoredTensor& tensor() const { return tensor_; }

  /// Numbers [first, first + count), as float32.
  void read(std::int64_t first, std::int64_t count, float* out) const;
  std::vector<float> all() const;

 private:
  StoredTensor tensor_;
};

}  // namespace azimuth
