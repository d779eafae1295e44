#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "azimuth/decoded_rows.h"
#include "quantised/scales.h"

namespace azimuth {

/// A matrix of codes of 4 bits, each of which stands for one of 16 values, times the largest
/// magnitude of its block: NF4 and FP4 of bitsandbytes. Blocks are runs of all numbers, row after
/// row, and may cross rows. Of two codes in a byte the first lies in the high bits.
class FourBitRows final : public DecodedRows {
 public:
  /// The largest magnitudes, quantised themselves: code `i` stands for
  /// `values[code] * scales[i / block_size] + offset`.
  struct Nested {
    std::vector<float> values;  ///< 256
    StoredTensor scales;
    std::int64_t block_size = 0;
    float offset = 0;
  };

  struct Parts {
    std::string method;
    std::vector<std::int64_t> shape;
    StoredTensor codes;
    std::array<float, 16> values = {};
    std::int64_t block_size = 0;
    StoredTensor magnitudes;
    std::optional<Nested> nested = {};
    std::vector<StoredTensor> others = {};  ///< stored with it
  };

  /// Throws std::invalid_argument, naming the tensor of a wrong type, shape or value.
  explicit FourBitRows(Parts parts);

  std::string_view method() const override { return parts_.method; }
  void decode(std::int64_t first_row, std::int64_t count, float* values,
              float* half_steps) const override;
  std::vector<std::span<const std::byte>> stored(std::int64_t first_row,
                                                 std::int64_t count) const override;

 private:
  float magnitude(std::int64_t block) const;

  Parts parts_;
  Scales scales_;  // those of the blocks, or of `nested`
};

}  // namespace azimuth
