#include "quantised/scaled_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace azimuth {
namespace {

std::int64_t parts_of(std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; }

constexpr std::int64_t kWordBits = 32;

}  // namespace

const LevelTable& e4m3_levels() {
  static const LevelTable table = [] {
    LevelTable t;
    for (int code = 0; code < 256; ++code) {
      const auto i = static_cast<std::size_t>(code);
      const int exponent = code >> 3 & 15;
      const int significand = (code & 7) + (exponent > 0 ? 8 : 0);
      const int unit = std::max(exponent, 1) - 7 - 3;
      const float magnitude = std::ldexp(static_cast<float>(significand), unit);
      t.level[i] = (code & 127) == 127 ? std::numeric_limits<float>::quiet_NaN()
                                       : (code & 128 ? -magnitude : magnitude);
      t.half_step[i] = std::ldexp(1.0f, unit - 1);
    }
    return t;
  }();
  return table;
}

const LevelTable& signed_byte_levels() {
  static const LevelTable table = [] {
    LevelTable t;
    for (int code = 0; code < 256; ++code) {
      t.level[static_cast<std::size_t>(code)] = static_cast<float>(code < 128 ? code : code - 256);
    }
    t.half_step.fill(0.5f);
    return t;
  }();
  return table;
}

const LevelTable& offset_levels(int bits) {
  static const auto make = [](int offset) {
    LevelTable t;
    for (int code = 0; code < 256; ++code) {
      t.level[static_cast<std::size_t>(code)] = static_cast<float>(code - offset);
    }
    t.half_step.fill(0.5f);
    return t;
  };
  static const LevelTable four = make(8);
  static const LevelTable eight = make(128);
  return bits == 4 ? four : eight;
}

ScaledRows::ScaledRows(Parts parts) : parts_(std::move(parts)), scales_(parts_.scales) {
  const std::int64_t rows = parts_.shape[0];
  const std::int64_t columns = parts_.shape[1];
  row_bytes_ = parts_.in_words ? parts_of(columns * parts_.bits, kWordBits) * 4 : columns;
  if (std::ssize(parts_.levels.raw.bytes) != rows * row_bytes_) {
    parts_.levels.fail("does not hold " + std::to_string(parts_.bits) + " bits for each of " +
                       shape_text(parts_.shape));
  }
  const std::vector<std::int64_t> blocks = {parts_of(rows, parts_.block_rows),
                                            parts_of(columns, parts_.block_columns)};
  scale_columns_ = blocks[1];
  // A scale a row is also written as a vector, and a single one as a number.
  const auto fits = [&](std::vector<std::int64_t> shape) {
    while (shape.size() < 2) shape.push_back(1);
    return shape == blocks;
  };
  if (!fits(parts_.scales.raw.shape)) {
    parts_.scales.fail("shape " + shape_text(parts_.scales.raw.shape) + " where " +
                       shape_text(blocks) + " scales are expected");
  }
  if (!parts_.zeros) return;
  if (parts_.in_words) {
    parts_.zeros->expect("I32", {parts_of(blocks[0] * parts_.bits, kWordBits), blocks[1]});
  } else if (!parts_.zeros->is("I8") || !fits(parts_.zeros->raw.shape)) {
    parts_.zeros->fail("is a " + parts_.zeros->raw.type + " of " +
                       shape_text(parts_.zeros->raw.shape) + " where an I8 of " +
                       shape_text(blocks) + " is expected");
  }
}

float ScaledRows::zero(std::int64_t row, std::int64_t column) const {
  if (!parts_.zeros) return 0;
  const std::byte* data = parts_.zeros->raw.bytes.data();
  if (!parts_.in_words) {
    return static_cast<float>(static_cast<std::int8_t>(data[row * scale_columns_ + column]));
  }
  const std::int64_t in_word = kWordBits / parts_.bits;
  std::uint32_t word = 0;
  std::memcpy(&word, data + (row / in_word * scale_columns_ + column) * 4, sizeof(word));
  const std::uint32_t mask = (1u << parts_.bits) - 1;
  return parts_.table->level[word >> (row % in_word * parts_.bits) & mask];
}

void ScaledRows::decode(std::int64_t first_row, std::int64_t count, float* values,
                        float* half_steps) const {
  const std::int64_t columns = parts_.shape[1];
  const LevelTable& table = *parts_.table;
  std::vector<float> scales(static_cast<std::size_t>(scale_columns_));
  std::int64_t read = -1;
  for (std::int64_t row = first_row; row < first_row + count; ++row, values += columns) {
    const std::int64_t scale_row = row / parts_.block_rows;
    if (scale_row != read) {
      scales_.read(scale_row * scale_columns_, scale_columns_, scales.data());
      for (float& scale : scales) scale *= parts_.factor;
      read = scale_row;
    }
    const std::byte* codes = parts_.levels.raw.bytes.data() + row * row_bytes_;
    for (std::int64_t block = 0; block < scale_columns_; ++block) {
      const std::int64_t begin = block * parts_.block_columns;
      const std::int64_t end = std::min(begin + parts_.block_columns, columns);
      const float scale = scales[static_cast<std::size_t>(block)];
      const float zero_level = zero(scale_row, block);
      const auto code_at = [&](std::int64_t column) {
        if (parts_.bits == 8) return std::to_integer<unsigned>(codes[column]);
        return std::to_integer<unsigned>(codes[column / 2]) >> column % 2 * 4 & 15;
      };
      if (parts_.bits == 8) {
        for (std::int64_t column = begin; column < end; ++column) {
          values[column] = (table.level[code_at(column)] - zero_level) * scale;
        }
      } else {
        std::array<float, 16> numbers;
        for (std::size_t code = 0; code < numbers.size(); ++code) {
          numbers[code] = (table.level[code] - zero_level) * scale;
        }
        std::int64_t column = begin;
        for (; begin % 2 == 0 && column + 1 < end; column += 2) {  // a byte at once
          const auto byte = std::to_integer<unsigned>(codes[column / 2]);
          values[column] = numbers[byte & 15];
          values[column + 1] = numbers[byte >> 4];
        }
        for (; column < end; ++column) values[column] = numbers[code_at(column)];
      }
      for (std::int64_t column = begin; half_steps != nullptr && column < end; ++column) {
        half_steps[column] = table.half_step[code_at(column)] * std::abs(scale);
      }
    }
    if (half_steps != nullptr) half_steps += columns;
  }
}

std::vector<std::span<const std::byte>> ScaledRows::stored(std::int64_t, std::int64_t) const {
  std::vector<std::span<const std::byte>> pieces = {parts_.levels.raw.bytes,
                                                    parts_.scales.raw.bytes};
  if (parts_.zeros) pieces.push_back(parts_.zeros->raw.bytes);
  for (const StoredTensor& other : parts_.others) pieces.push_back(other.raw.bytes);
  return pieces;
}

}  // namespace azimuth
