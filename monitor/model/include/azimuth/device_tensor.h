#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "azimuth/linear_map.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// A stored matrix whose numbers lie elsewhere than in host memory: what the analysis needs of it
/// is done where they are, and a digest reads it some rows at a time. Immutable and safe to use
/// from several threads at once.
class DeviceTensor {
 public:
  virtual ~DeviceTensor() = default;

  /// Some of its outputs, every weight moved if `nudge` is active, as `unpack` moves it.
  virtual std::shared_ptr<const LinearMap> map(const MatrixPart& part, Nudge nudge) const = 0;

  /// `azimuth::word_sum` of all of it.
  virtual std::uint64_t word_sum() const = 0;

  /// Copies rows [first_row, first_row + count), as they are stored, to `out` in host memory.
  virtual void read_rows(std::int64_t first_row, std::int64_t count, std::byte* out) const = 0;
};

}  // namespace azimuth
