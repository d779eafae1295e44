#pragma once

#include <cstdint>
#include <memory>

#include "azimuth/linear_map.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// A stored matrix whose numbers lie elsewhere than in host memory: what the model needs of it is
/// done where they are. Immutable and safe to use from several threads at once.
class DeviceTensor {
 public:
  virtual ~DeviceTensor() = default;

  /// Some of its outputs, every weight moved if `nudge` is active, as `unpack` moves it.
  virtual std::shared_ptr<const LinearMap> map(const MatrixPart& part, Nudge nudge) const = 0;

  /// `azimuth::word_sum` of all of it.
  virtual std::uint64_t word_sum() const = 0;
};

}  // namespace azimuth
