#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "azimuth/decoded_rows.h"
#include "quantised/scales.h"

namespace azimuth {

/// A matrix {outputs, inputs} that is stored inputs first, as AWQ and GPTQ do: codes of some bits
/// in 32-bit words, scales and zero points {groups of inputs, outputs}. A number is (code - zero
/// point) × scale.
class InputsFirstRows final : public DecodedRows {
 public:
  /// What a word holds of the codes, and of the zero points always: neighbouring outputs.
  enum class Words {
    inputs,            ///< neighbouring inputs of one output, the lowest bits first: GPTQ
    outputs_of_pairs,  ///< outputs 0, 2, 4, 6, 1, 3, 5, 7, the lowest bits first: AWQ
  };

  struct Parts {
    std::string method;
    Words words = Words::inputs;
    int bits = 4;  ///< 2, 4 or 8
    StoredTensor codes;
    StoredTensor zeros = {};
    int zero_offset = 0;  ///< what is added to the stored zero points
    StoredTensor scales = {};
    std::int64_t group_size = 0;                 ///< of inputs
    std::optional<StoredTensor> group_ids = {};  ///< the group of each input
  };

  /// Throws std::invalid_argument, naming the tensor of a wrong type, shape or value.
  explicit InputsFirstRows(Parts parts);

  std::vector<std::int64_t> shape() const { return {outputs_, inputs_}; }

  std::string_view method() const override { return parts_.method; }
  void decode(std::int64_t first_row, std::int64_t count, float* values,
              float* half_steps) const override;
  std::vector<std::span<const std::byte>> stored(std::int64_t first_row,
                                                 std::int64_t count) const override;

 private:
  template <class Put>
  void levels_of(std::int64_t output, std::int64_t begin, std::int64_t end, const Put& put) const;
  std::uint32_t code(const StoredTensor& words, std::int64_t row, std::int64_t output) const;
  std::int64_t group_of(std::int64_t input) const;
  void check_groups() const;
  void check_zeros() const;

  Parts parts_;
  std::int64_t in_word_ = 0;
  std::int64_t inputs_ = 0;
  std::int64_t outputs_ = 0;
  std::int64_t groups_ = 0;
  Scales scales_;
};

}  // namespace azimuth
