#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "azimuth/decoded_rows.h"
#include "quantised/stored_tensors.h"

namespace azimuth {

/// The matrices of all experts of a block as MXFP4: {experts, outputs, groups, 16} bytes, the lower
/// half of each first, of floats of 4 bits, and {experts, outputs, groups} exponents. It gives
/// {experts, inputs, outputs}, as gpt-oss computes with them and stores them in other types:
/// outputs[o] of expert `e` is the sum of inputs[i] * [e][i][o].
class Mxfp4Rows final : public DecodedRows {
 public:
  /// Throws std::invalid_argument, naming the tensor of a wrong type, shape or value.
  Mxfp4Rows(StoredTensor blocks, StoredTensor exponents);

  std::vector<std::int64_t> shape() const { return {experts_, inputs_, outputs_}; }

  std::string_view method() const override { return "mxfp4"; }
  void decode(std::int64_t first_row, std::int64_t count, float* values,
              float* half_steps) const override;
  /// Those of whole experts.
  std::vector<std::span<const std::byte>> stored(std::int64_t first_row,
                                                 std::int64_t count) const override;

 private:
  StoredTensor blocks_;
  StoredTensor exponents_;
  std::int64_t experts_ = 0;
  std::int64_t inputs_ = 0;
  std::int64_t outputs_ = 0;
};

}  // namespace azimuth
