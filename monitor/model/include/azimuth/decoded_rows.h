#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace azimuth {

/// A stored matrix whose numbers are made of several pieces in host memory: levels, the scales of
/// groups of them, zero points. Row-major, as a TensorView is; of several dimensions all but the
/// last make rows. Immutable and safe to use from several threads at once.
class DecodedRows {
 public:
  virtual ~DecodedRows() = default;

  /// By what its bytes mean these numbers: "fp8". Part of a digest, so that the same bytes by
  /// another rule are another model.
  virtual std::string_view method() const = 0;

  /// Writes rows [first_row, first_row + count) as float32, row after row, to `values`, and where
  /// `half_steps` is not null, half a unit of each number's stored level to it (see Nudge). Memory
  /// beside that stays in proportion to it, and not to the matrix.
  virtual void decode(std::int64_t first_row, std::int64_t count, float* values,
                      float* half_steps) const = 0;

  /// All that is stored of these rows, in a fixed order; what cannot be cut by rows as a whole.
  virtual std::vector<std::span<const std::byte>> stored(std::int64_t first_row,
                                                         std::int64_t count) const = 0;
};

}  // namespace azimuth
