#include "quantised/inputs_first_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace azimuth {
namespace {

std::uint32_t word_at(const StoredTensor& tensor, std::int64_t index) {
  std::uint32_t word = 0;
  std::memcpy(&word, tensor.raw.bytes.data() + index * 4, sizeof(word));
  return word;
}

// Where in a word of AWQ's output 0, 1, ... lies.
constexpr std::int64_t kPlaces[] = {0, 4, 1, 5, 2, 6, 3, 7};

}  // namespace

InputsFirstRows::InputsFirstRows(Parts parts)
    : parts_(std::move(parts)), in_word_(32 / parts_.bits), scales_(parts_.scales) {
  const StoredTensor& codes = parts_.codes;
  if (!codes.is("I32") || codes.raw.shape.size() != 2) {
    codes.fail("is a " + codes.raw.type + " of " + shape_text(codes.raw.shape) +
               " where a matrix of I32 is expected");
  }
  const bool of_inputs = parts_.words == Words::inputs;
  inputs_ = codes.raw.shape[0] * (of_inputs ? in_word_ : 1);
  outputs_ = codes.raw.shape[1] * (of_inputs ? 1 : in_word_);
  if (outputs_ % in_word_ != 0) {
    codes.fail("its " + std::to_string(outputs_) + " outputs do not fill whole words of " +
               std::to_string(in_word_) + " zero points");
  }
  groups_ = (inputs_ + parts_.group_size - 1) / parts_.group_size;
  parts_.scales.expect(parts_.scales.raw.type, {groups_, outputs_});
  parts_.zeros.expect("I32", {groups_, outputs_ / in_word_});
  check_groups();
  check_zeros();
}

void InputsFirstRows::check_groups() const {
  if (!parts_.group_ids) return;
  parts_.group_ids->expect("I32", {inputs_});
  for (std::int64_t input = 0; input < inputs_; ++input) {
    const std::int64_t group = group_of(input);
    if (group < 0 || group >= groups_) {
      parts_.group_ids->fail("puts input " + std::to_string(input) + " into group " +
                             std::to_string(group) + " of " + std::to_string(groups_));
    }
  }
}

// A zero point that is no level any more is read in one way by some programs, and in another by
// others.
void InputsFirstRows::check_zeros() const {
  if (parts_.zero_offset == 0) return;
  const std::uint32_t largest = (1u << parts_.bits) - 1;
  for (std::int64_t index = 0; index < parts_.zeros.size(); ++index) {
    const std::uint32_t word = word_at(parts_.zeros, index);
    for (std::int64_t i = 0; i < in_word_; ++i) {
      if ((word >> (i * parts_.bits) & largest) == largest) {
        parts_.zeros.fail("holds a zero point of " + std::to_string(largest) +
                          ", which with the 1 that is added to each is not a level");
      }
    }
  }
}

std::int64_t InputsFirstRows::group_of(std::int64_t input) const {
  if (!parts_.group_ids) return input / parts_.group_size;
  return static_cast<std::int32_t>(word_at(*parts_.group_ids, input));
}

// Of words that hold neighbouring outputs.
std::uint32_t InputsFirstRows::code(const StoredTensor& words, std::int64_t row,
                                    std::int64_t output) const {
  const std::int64_t i = output % in_word_;
  const std::int64_t place = parts_.words == Words::outputs_of_pairs ? kPlaces[i] : i;
  const std::uint32_t word = word_at(words, row * (outputs_ / in_word_) + output / in_word_);
  return word >> (place * parts_.bits) & ((1u << parts_.bits) - 1);
}

void InputsFirstRows::decode(std::int64_t first_row, std::int64_t count, float* values,
                             float* half_steps) const {
  // Of these outputs, those of all groups: {groups, count}.
  std::vector<float> scales(static_cast<std::size_t>(groups_ * count));
  std::vector<float> zeros(scales.size());
  for (std::int64_t group = 0; group < groups_; ++group) {
    scales_.read(group * outputs_ + first_row, count, scales.data() + group * count);
    for (std::int64_t i = 0; i < count; ++i) {
      zeros[static_cast<std::size_t>(group * count + i)] =
          static_cast<float>(code(parts_.zeros, group, first_row + i)) +
          static_cast<float>(parts_.zero_offset);
    }
  }
  // Where in these the groups of some inputs begin. As many inputs at once as keep the words of
  // neighbouring outputs in the nearest cache.
  constexpr std::int64_t kInputs = 512;
  std::int64_t places[kInputs];
  for (std::int64_t begin = 0; begin < inputs_; begin += kInputs) {
    const std::int64_t end = std::min(begin + kInputs, inputs_);
    for (std::int64_t i = begin; i < end; ++i) places[i - begin] = group_of(i) * count;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto put = [&](std::int64_t input, std::uint32_t level) {
        const std::int64_t place = places[input - begin] + i;
        const float scale = scales[static_cast<std::size_t>(place)];
        const float zero = zeros[static_cast<std::size_t>(place)];
        values[i * inputs_ + input] = (static_cast<float>(static_cast<int>(level)) - zero) * scale;
        if (half_steps != nullptr) half_steps[i * inputs_ + input] = 0.5f * std::abs(scale);
      };
      levels_of(first_row + i, begin, end, put);
    }
  }
}

// Calls `put` with each of some inputs and its level.
template <class Put>
void InputsFirstRows::levels_of(std::int64_t output, std::int64_t begin, std::int64_t end,
                                const Put& put) const {
  const std::uint32_t mask = (1u << parts_.bits) - 1;
  if (parts_.words == Words::inputs) {
    for (std::int64_t input = begin; input < end;) {
      std::uint32_t word = word_at(parts_.codes, input / in_word_ * outputs_ + output);
      for (std::int64_t i = 0; i < in_word_; ++i, ++input, word >>= parts_.bits) {
        put(input, word & mask);
      }
    }
    return;
  }
  const std::int64_t shift = kPlaces[output % in_word_] * parts_.bits;
  const std::int64_t stride = outputs_ / in_word_;
  const std::int64_t column = output / in_word_;
  for (std::int64_t input = begin; input < end; ++input) {
    put(input, word_at(parts_.codes, input * stride + column) >> shift & mask);
  }
}

std::vector<std::span<const std::byte>> InputsFirstRows::stored(std::int64_t, std::int64_t) const {
  std::vector<std::span<const std::byte>> pieces = {parts_.codes.raw.bytes, parts_.scales.raw.bytes,
                                                    parts_.zeros.raw.bytes};
  if (parts_.group_ids) pieces.push_back(parts_.group_ids->raw.bytes);
  return pieces;
}

}  // namespace azimuth
