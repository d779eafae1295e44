#include "quantised/four_bit_rows.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace azimuth {

FourBitRows::FourBitRows(Parts parts)
    : parts_(std::move(parts)), scales_(parts_.nested ? parts_.nested->scales : parts_.magnitudes) {
  const std::int64_t numbers = parts_.shape[0] * parts_.shape[1];
  const std::int64_t blocks = (numbers + parts_.block_size - 1) / parts_.block_size;
  if (std::ssize(parts_.codes.raw.bytes) != (numbers + 1) / 2) {
    parts_.codes.fail("does not hold 4 bits for each of " + shape_text(parts_.shape));
  }
  if (parts_.nested) {
    parts_.magnitudes.expect("U8", {blocks});
    const std::int64_t size = parts_.nested->block_size;
    parts_.nested->scales.expect("F32", {(blocks + size - 1) / size});
  } else {
    parts_.magnitudes.expect("F32", {blocks});
  }
}

float FourBitRows::magnitude(std::int64_t block) const {
  float scale = 0;
  if (!parts_.nested) {
    scales_.read(block, 1, &scale);
    return scale;
  }
  const FourBitRows::Nested& nested = *parts_.nested;
  scales_.read(block / nested.block_size, 1, &scale);
  const auto code =
      std::to_integer<std::size_t>(parts_.magnitudes.raw.bytes[static_cast<std::size_t>(block)]);
  return nested.values[code] * scale + nested.offset;
}

void FourBitRows::decode(std::int64_t first_row, std::int64_t count, float* values,
                         float* half_steps) const {
  const auto [least, most] = std::ranges::minmax(parts_.values);
  const float half_level = (most - least) / 15 / 2;  // steps differ: their mean
  const std::int64_t begin = first_row * parts_.shape[1];
  const std::int64_t end = begin + count * parts_.shape[1];
  for (std::int64_t i = begin; i < end;) {
    const std::int64_t block = i / parts_.block_size;
    const std::int64_t block_end = std::min((block + 1) * parts_.block_size, end);
    const float scale = magnitude(block);
    if (half_steps != nullptr) {
      std::fill(half_steps + (i - begin), half_steps + (block_end - begin),
                half_level * std::abs(scale));
    }
    std::array<float, 16> numbers = parts_.values;
    for (float& number : numbers) number *= scale;
    for (; i < block_end; ++i) {
      const auto byte =
          std::to_integer<unsigned>(parts_.codes.raw.bytes[static_cast<std::size_t>(i / 2)]);
      values[i - begin] = numbers[i % 2 == 0 ? byte >> 4 : byte & 15];
    }
  }
}

std::vector<std::span<const std::byte>> FourBitRows::stored(std::int64_t, std::int64_t) const {
  std::vector<std::span<const std::byte>> pieces = {parts_.codes.raw.bytes,
                                                    parts_.magnitudes.raw.bytes};
  if (parts_.nested) pieces.push_back(parts_.nested->scales.raw.bytes);
  for (const StoredTensor& other : parts_.others) pieces.push_back(other.raw.bytes);
  return pieces;
}

}  // namespace azimuth
