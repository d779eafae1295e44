#include "quantised/mxfp4_rows.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace azimuth {
namespace {

constexpr std::int64_t kGroup = 32;  // numbers that share an exponent
constexpr std::int64_t kGroupBytes = 16;
constexpr int kBias = 127;

// One bit of sign, two of exponent, one of significand; and half of its last place.
constexpr float kE2m1[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
constexpr float kE2m1HalfStep[] = {0.25f, 0.25f, 0.25f, 0.25f, 0.5f, 0.5f, 1, 1};

}  // namespace

Mxfp4Rows::Mxfp4Rows(StoredTensor blocks, StoredTensor exponents)
    : blocks_(std::move(blocks)), exponents_(std::move(exponents)) {
  const std::vector<std::int64_t>& shape = blocks_.raw.shape;
  if (!blocks_.is("U8") || shape.size() != 4 || shape[3] != kGroupBytes) {
    blocks_.fail("is a " + blocks_.raw.type + " of " + shape_text(shape) +
                 " where a U8 of {experts, outputs, groups, 16} is expected");
  }
  exponents_.expect("U8", {shape[0], shape[1], shape[2]});
  if (std::ranges::count(exponents_.raw.bytes, std::byte{255}) > 0) {
    exponents_.fail("holds a scale that is not finite");
  }
  experts_ = shape[0];
  outputs_ = shape[1];
  inputs_ = shape[2] * kGroup;
}

void Mxfp4Rows::decode(std::int64_t first_row, std::int64_t count, float* values,
                       float* half_steps) const {
  const std::int64_t groups = inputs_ / kGroup;
  for (std::int64_t row = first_row; row < first_row + count;) {
    const std::int64_t expert = row / inputs_;
    const std::int64_t first = row % inputs_;
    const std::int64_t group = first / kGroup;
    // Those of one group, at most.
    const std::int64_t end =
        std::min({(group + 1) * kGroup, inputs_, first + first_row + count - row});
    for (std::int64_t output = 0; output < outputs_; ++output) {
      const std::int64_t place = (expert * outputs_ + output) * groups + group;
      const int exponent =
          std::to_integer<int>(exponents_.raw.bytes[static_cast<std::size_t>(place)]) - kBias;
      const float scale = std::ldexp(1.0f, exponent);
      const std::byte* bytes = blocks_.raw.bytes.data() + place * kGroupBytes;
      for (std::int64_t input = first; input < end; ++input) {
        const std::int64_t i = input % kGroup;
        const unsigned code = std::to_integer<unsigned>(bytes[i / 2]) >> i % 2 * 4 & 15;
        const std::int64_t at = (row - first_row + input - first) * outputs_ + output;
        values[at] = (code & 8 ? -kE2m1[code & 7] : kE2m1[code & 7]) * scale;
        if (half_steps != nullptr) half_steps[at] = kE2m1HalfStep[code & 7] * scale;
      }
    }
    row += end - first;
  }
}

std::vector<std::span<const std::byte>> Mxfp4Rows::stored(std::int64_t first_row,
                                                          std::int64_t count) const {
  const std::int64_t first = first_row / inputs_;
  const std::int64_t experts = (first_row + count - 1) / inputs_ + 1 - first;
  const auto of_experts = [&](const StoredTensor& tensor) {
    const std::size_t one = tensor.raw.bytes.size() / static_cast<std::size_t>(experts_);
    return tensor.raw.bytes.subspan(static_cast<std::size_t>(first) * one,
                                    static_cast<std::size_t>(experts) * one);
  };
  return {of_experts(blocks_), of_experts(exponents_)};
}

}  // namespace azimuth
