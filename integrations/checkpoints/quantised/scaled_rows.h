#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "azimuth/decoded_rows.h"
#include "quantised/scales.h"

namespace azimuth {

/// What each stored byte or half byte stands for, and half a unit of it.
struct LevelTable {
  std::array<float, 256> level = {};
  std::array<float, 256> half_step = {};
};

/// Floats of 8 bits: one of sign, four of exponent, three of significand; no infinity.
const LevelTable& e4m3_levels();
/// -128 to 127 in two's complement.
const LevelTable& signed_byte_levels();
/// Code 0 is -2^(bits - 1).
const LevelTable& offset_levels(int bits);

/// A matrix {outputs, inputs} of levels, each of which is multiplied by the scale of its block of
/// `block_rows` × `block_columns`; blocks at the edges may be smaller.
class ScaledRows final : public DecodedRows {
 public:
  struct Parts {
    std::string method;
    std::vector<std::int64_t> shape = {};
    StoredTensor levels;
    const LevelTable* table = nullptr;
    int bits = 8;  ///< 8 or 4 of a code; those of a row fill whole 32-bit words where `in_words`
    bool in_words = false;
    StoredTensor scales = {};
    std::int64_t block_rows = 1;
    std::int64_t block_columns = 1;
    float factor = 1;  ///< of every scale
    /// Taken off the level before it is multiplied, a number for each scale: signed bytes, or where
    /// `in_words`, codes of `bits` that fill 32-bit words from row to row.
    std::optional<StoredTensor> zeros = {};
    std::vector<StoredTensor> others = {};  ///< stored with it
  };

  /// Throws std::invalid_argument, naming the tensor of a wrong type, shape or value.
  explicit ScaledRows(Parts parts);

  std::string_view method() const override { return parts_.method; }
  void decode(std::int64_t first_row, std::int64_t count, float* values,
              float* half_steps) const override;
  std::vector<std::span<const std::byte>> stored(std::int64_t first_row,
                                                 std::int64_t count) const override;

 private:
  float zero(std::int64_t row, std::int64_t column) const;

  Parts parts_;
  std::int64_t row_bytes_ = 0;
  std::int64_t scale_columns_ = 0;
  Scales scales_;
};

}  // namespace azimuth
