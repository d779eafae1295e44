// Of ggml's quantised blocks those that store the numbers of entries of a codebook, each of which
// gives 8 levels or 4 at once; part of kernels_impl.h. Source: as kernels_blocks.h.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "model/codebooks.h"
#include "model/kernels_blocks.h"

namespace azimuth {
namespace {

constexpr std::uint64_t kEachByte = 0x0101010101010101;

// Of eight positive levels, each in a byte, those whose bit is set in `negative` with a minus.
std::uint64_t with_signs(std::uint64_t levels, std::uint32_t negative) {
  // Bit i alone in byte i, carried to the byte's highest bit, from there to its lowest.
  const std::uint64_t apart = negative * kEachByte & 0x8040201008040201;
  const std::uint64_t minus = (apart + 0x7f * kEachByte) >> 7 & kEachByte;
  return (levels ^ minus * 0xff) + minus;
}

// Seven signs are stored, and the eighth makes the number of minuses even.
std::uint32_t eight_signs(std::uint32_t seven) {
  return seven | (static_cast<std::uint32_t>(std::popcount(seven)) & 1) << 7;
}

// d * (2 n + 1): the scale of a run, of which `n` is stored.
float odd_multiple(float d, int n) { return d * static_cast<float>(2 * n + 1); }

int nibble(const std::byte* packed, int i) { return u8_at(packed + i / 2) >> i % 2 * 4 & 15; }

struct Iq2Block {
  static constexpr float kMeanStep = (43.0f + 43.0f) / 5;
};

template <>
struct Block<StoredType::iq2_xxs> : Iq2Block {  // scale; by run: 4 entries, signs and a scale
  static constexpr int kRun = 32;
  static constexpr int kRuns = 8;
  static std::uint32_t signs(const std::byte* block, int run) {
    return load<std::uint32_t>(block + 6 + 8 * run);
  }
  static Scale scale(const std::byte* block, int run) {
    return {odd_multiple(0.125f * f16_at(block), static_cast<int>(signs(block, run) >> 28))};
  }
  static std::uint64_t eight_levels(const std::byte* block, int run, int i) {
    const auto entry = static_cast<std::size_t>(u8_at(block + 2 + 8 * run + i));
    return with_signs(kIq2XxsLevels[entry], eight_signs(signs(block, run) >> 7 * i & 127));
  }
};

template <>
struct Block<StoredType::iq2_xs> : Iq2Block {  // scale; entries with signs; scales of 4 bits
  static constexpr int kRun = 16;
  static constexpr int kRuns = 16;
  static Scale scale(const std::byte* block, int run) {
    return {odd_multiple(0.125f * f16_at(block), nibble(block + 66, run))};
  }
  static std::uint64_t eight_levels(const std::byte* block, int run, int i) {
    const std::uint32_t packed = load<std::uint16_t>(block + 2 + 4 * run + 2 * i);
    return with_signs(kIq2XsLevels[packed & 511], eight_signs(packed >> 9));
  }
};

template <>
struct Block<StoredType::iq2_s>
    : Iq2Block {  // scale; low bits of entries; signs; high bits; scales
  static constexpr int kRun = 16;
  static constexpr int kRuns = 16;
  static Scale scale(const std::byte* block, int run) {
    return {odd_multiple(0.125f * f16_at(block), nibble(block + 74, run))};
  }
  static std::uint64_t eight_levels(const std::byte* block, int run, int i) {
    const int eight = 2 * run + i;
    const int high = u8_at(block + 66 + eight / 4) >> eight % 4 * 2 & 3;
    const auto entry = static_cast<std::size_t>(u8_at(block + 2 + eight) | high << 8);
    return with_signs(kIq2SLevels[entry], static_cast<std::uint32_t>(u8_at(block + 34 + eight)));
  }
};

template <>
struct Block<StoredType::iq3_xxs> {  // scale; entries; by run: signs and a scale
  static constexpr float kMeanStep = (62.0f + 62.0f) / 15;
  static constexpr int kRun = 32;
  static constexpr int kRuns = 8;
  static std::uint32_t signs(const std::byte* block, int run) {
    return load<std::uint32_t>(block + 66 + 4 * run);
  }
  static Scale scale(const std::byte* block, int run) {
    return {odd_multiple(0.25f * f16_at(block), static_cast<int>(signs(block, run) >> 28))};
  }
  static std::uint64_t eight_levels(const std::byte* block, int run, int i) {
    const auto four = [&](int half) {
      return kIq3XxsLevels[static_cast<std::size_t>(u8_at(block + 2 + 8 * run + 2 * i + half))];
    };
    return with_signs(four(0) | std::uint64_t{four(1)} << 32,
                      eight_signs(signs(block, run) >> 7 * i & 127));
  }
};

template <>
struct Block<StoredType::iq3_s> {  // scale; low bits of entries; high bits; signs; scales
  static constexpr float kMeanStep = 2;
  static constexpr int kRun = 32;
  static constexpr int kRuns = 8;
  static Scale scale(const std::byte* block, int run) {
    return {odd_multiple(f16_at(block), nibble(block + 106, run))};
  }
  static std::uint64_t eight_levels(const std::byte* block, int run, int i) {
    const auto four = [&](int half) {
      const int low = u8_at(block + 2 + 8 * run + 2 * i + half);
      const int high = u8_at(block + 66 + run) >> (2 * i + half) & 1;
      return kIq3SLevels[static_cast<std::size_t>(low | high << 8)];
    };
    return with_signs(four(0) | std::uint64_t{four(1)} << 32,
                      static_cast<std::uint32_t>(u8_at(block + 74 + 4 * run + i)));
  }
};

// Levels are in eighths.
struct Iq1Block {
  static constexpr float kMeanStep = 8;
  static std::uint64_t moved(int entry, bool down) {
    typedef std::int8_t Levels __attribute__((vector_size(8)));
    const auto levels = std::bit_cast<Levels>(kIq1Levels[static_cast<std::size_t>(entry)]);
    const auto move = std::bit_cast<Levels>(kEachByte * (down ? 0xff : 1));
    return std::bit_cast<std::uint64_t>(levels + move);
  }
};

template <>
struct Block<StoredType::iq1_s> : Iq1Block {  // scale; low bits; by run: high bits, scale, shift
  static constexpr int kRun = 32;
  static constexpr int kRuns = 8;
  static int high(const std::byte* block, int run) {
    return load<std::uint16_t>(block + 34 + 2 * run);
  }
  static Scale scale(const std::byte* block, int run) {
    return {odd_multiple(0.125f * f16_at(block), high(block, run) >> 12 & 7)};
  }
  static std::uint64_t eight_levels(const std::byte* block, int run, int i) {
    const int bits = high(block, run);
    return moved(u8_at(block + 2 + 4 * run + i) | (bits >> 3 * i & 7) << 8, (bits & 0x8000) != 0);
  }
};

template <>
struct Block<StoredType::iq1_m> : Iq1Block {  // low bits; high bits and shifts; scales, 3 bits each
  static constexpr int kRun = 16;
  static constexpr int kRuns = 16;
  static Scale scale(const std::byte* block, int run) {
    // The highest 4 bits of each 16 of the scales are the scale of all.
    int d = 0;
    for (int i = 0; i < 4; ++i) d |= word(block, i) >> 12 << 4 * i;
    return {odd_multiple(0.125f * from_f16(static_cast<std::uint16_t>(d)),
                         word(block, run / 4) >> run % 4 * 3 & 7)};
  }
  static std::uint64_t eight_levels(const std::byte* block, int run, int i) {
    const int high = nibble(block + 32, 2 * run + i);
    return moved(u8_at(block + 2 * run + i) | (high & 7) << 8, (high & 8) != 0);
  }

 private:
  static int word(const std::byte* block, int i) { return load<std::uint16_t>(block + 48 + 2 * i); }
};

}  // namespace
}  // namespace azimuth
