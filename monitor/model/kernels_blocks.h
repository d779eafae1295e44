// The quantised blocks of ggml, part of kernels_impl.h, which is compiled once for each instruction
// set. Source: https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h.
//
// A block is cut into runs of numbers that share a scale and a minimum; within a run, what is
// stored of number `i` lies at the same place of byte `i`, so that loops over a run are vectorised
// where the run is known to the compiler.
// Every product of a scale and a level has at most 24 significant bits and is exact: numbers do not
// depend on whether the compiler fuses it with the subtraction behind it.

#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "azimuth/tensor_view.h"

namespace azimuth {
namespace {

template <class T>
T load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

// Exact for normal, subnormal, infinite and NaN halves, and vectorised by the compiler.
float from_f16(std::uint16_t h) {
  const std::uint32_t magnitude = static_cast<std::uint32_t>(h & 0x7fff) << 13;
  const float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;
  const std::uint32_t special = (h & 0x7c00) == 0x7c00 ? 0x7f800000u : 0u;
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000) << 16;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(scaled) | special | sign);
}

float f16_at(const std::byte* p) { return from_f16(load<std::uint16_t>(p)); }

float bf16_at(const std::byte* p) {
  return std::bit_cast<float>(std::uint32_t{load<std::uint16_t>(p)} << 16);
}
int u8_at(const std::byte* p) { return static_cast<int>(*p); }
int i8_at(const std::byte* p) { return static_cast<std::int8_t>(*p); }

/// A number is `scale` * level - `minimum`.
struct Scale {
  float scale;
  float minimum = 0;
};

/// kRun: numbers in a run; kRuns: runs in a block; kMeanStep, where it is not 1: from one level to
/// the next.
template <StoredType type>
struct Block;

template <>
struct Block<StoredType::q4_0> {
  static constexpr int kRun = 16;
  static constexpr int kRuns = 2;
  static Scale scale(const std::byte* block, int) { return {f16_at(block)}; }
  static int level(const std::byte* block, int run, int i) {
    return (u8_at(block + 2 + i) >> 4 * run & 15) - 8;
  }
};

template <>
struct Block<StoredType::q4_1> {
  static constexpr int kRun = 16;
  static constexpr int kRuns = 2;
  static Scale scale(const std::byte* block, int) { return {f16_at(block), -f16_at(block + 2)}; }
  static int level(const std::byte* block, int run, int i) {
    return u8_at(block + 4 + i) >> 4 * run & 15;
  }
};

template <>
struct Block<StoredType::q5_0> {
  static constexpr int kRun = 16;
  static constexpr int kRuns = 2;
  static Scale scale(const std::byte* block, int) { return {f16_at(block)}; }
  static int level(const std::byte* block, int run, int i) {
    const auto high = static_cast<int>(load<std::uint32_t>(block + 2) >> (16 * run + i) & 1);
    return ((u8_at(block + 6 + i) >> 4 * run & 15) | high << 4) - 16;
  }
};

template <>
struct Block<StoredType::q5_1> {
  static constexpr int kRun = 16;
  static constexpr int kRuns = 2;
  static Scale scale(const std::byte* block, int) { return {f16_at(block), -f16_at(block + 2)}; }
  static int level(const std::byte* block, int run, int i) {
    const auto high = static_cast<int>(load<std::uint32_t>(block + 4) >> (16 * run + i) & 1);
    return (u8_at(block + 8 + i) >> 4 * run & 15) | high << 4;
  }
};

template <>
struct Block<StoredType::q8_0> {
  static constexpr int kRun = 32;
  static constexpr int kRuns = 1;
  static Scale scale(const std::byte* block, int) { return {f16_at(block)}; }
  static int level(const std::byte* block, int, int i) { return i8_at(block + 2 + i); }
};

constexpr std::int8_t kIq4Levels[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};
constexpr float kIq4MeanStep = (113.0f + 127.0f) / 15;

template <>
struct Block<StoredType::iq4_nl> {
  static constexpr float kMeanStep = kIq4MeanStep;
  static constexpr int kRun = 16;
  static constexpr int kRuns = 2;
  static Scale scale(const std::byte* block, int) { return {f16_at(block)}; }
  static int level(const std::byte* block, int run, int i) {
    return kIq4Levels[u8_at(block + 2 + i) >> 4 * run & 15];
  }
};

// Two bits of number `i` of a run of 16, out of 64 bytes: those of 128 numbers lie in 32 bytes.
int two_bits(const std::byte* packed, int run, int i) {
  return u8_at(packed + run / 8 * 32 + run % 2 * 16 + i) >> run % 8 / 2 * 2 & 3;
}

template <>
struct Block<StoredType::q2_k> {  // scales and minima, 4 bits each; levels; their common scales
  static constexpr int kRun = 16;
  static constexpr int kRuns = 16;
  static Scale scale(const std::byte* block, int run) {
    const int packed = u8_at(block + run);
    return {f16_at(block + 80) * static_cast<float>(packed & 15),
            f16_at(block + 82) * static_cast<float>(packed >> 4)};
  }
  static int level(const std::byte* block, int run, int i) { return two_bits(block + 16, run, i); }
};

template <>
struct Block<StoredType::q3_k> {  // high bits of levels; low ones; scales of 6 bits; their scale
  static constexpr int kRun = 16;
  static constexpr int kRuns = 16;
  static Scale scale(const std::byte* block, int run) {
    const int low = u8_at(block + 96 + run % 8) >> run / 8 * 4 & 15;
    const int high = u8_at(block + 104 + run % 4) >> run / 4 * 2 & 3;
    return {f16_at(block + 108) * static_cast<float>((low | high << 4) - 32)};
  }
  static int level(const std::byte* block, int run, int i) {
    const int high = u8_at(block + run % 2 * 16 + i) >> run / 2 & 1;
    return two_bits(block + 32, run, i) + high * 4 - 4;
  }
};

// The scale and the minimum, 6 bits each, of one of the eight runs of q4_k and q5_k.
Scale scale_of_eight(const std::byte* block, int run) {
  const auto packed = [&](int i) { return u8_at(block + 4 + i); };
  const int scale = run < 4 ? packed(run) & 63  //
                            : (packed(run + 4) & 15) | packed(run - 4) >> 6 << 4;
  const int minimum = run < 4 ? packed(run + 4) & 63  //
                              : packed(run + 4) >> 4 | packed(run) >> 6 << 4;
  return {f16_at(block) * static_cast<float>(scale),
          f16_at(block + 2) * static_cast<float>(minimum)};
}

template <>
struct Block<StoredType::q4_k> {  // common scales; scales and minima; levels
  static constexpr int kRun = 32;
  static constexpr int kRuns = 8;
  static Scale scale(const std::byte* block, int run) { return scale_of_eight(block, run); }
  static int level(const std::byte* block, int run, int i) {
    return u8_at(block + 16 + run / 2 * 32 + i) >> run % 2 * 4 & 15;
  }
};

template <>
struct Block<StoredType::q5_k> {  // common scales; scales and minima; high bits of levels; low ones
  static constexpr int kRun = 32;
  static constexpr int kRuns = 8;
  static Scale scale(const std::byte* block, int run) { return scale_of_eight(block, run); }
  static int level(const std::byte* block, int run, int i) {
    const int high = u8_at(block + 16 + i) >> run & 1;
    return (u8_at(block + 48 + run / 2 * 32 + i) >> run % 2 * 4 & 15) | high << 4;
  }
};

template <>
struct Block<StoredType::q6_k> {  // low bits of levels; high ones; scales, one byte; their scale
  static constexpr int kRun = 16;
  static constexpr int kRuns = 16;
  static Scale scale(const std::byte* block, int run) {
    return {f16_at(block + 208) * static_cast<float>(i8_at(block + 192 + run))};
  }
  static int level(const std::byte* block, int run, int i) {
    const int low = u8_at(block + run / 8 * 64 + run % 4 * 16 + i) >> run % 8 / 4 * 4 & 15;
    return (low | two_bits(block + 128, run, i) << 4) - 32;
  }
};

template <>
struct Block<StoredType::iq4_xs> {  // scale; scales, high bits and low ones; levels
  static constexpr float kMeanStep = kIq4MeanStep;
  static constexpr int kRun = 16;
  static constexpr int kRuns = 16;
  static Scale scale(const std::byte* block, int run) {
    const int low = u8_at(block + 4 + run / 4) >> run / 2 % 2 * 4 & 15;
    const int high = load<std::uint16_t>(block + 2) >> run / 2 * 2 & 3;
    return {f16_at(block) * static_cast<float>((low | high << 4) - 32)};
  }
  static int level(const std::byte* block, int run, int i) {
    return kIq4Levels[u8_at(block + 8 + run / 2 * 16 + i) >> run % 2 * 4 & 15];
  }
};

template <>
struct Block<StoredType::tq1_0> {  // levels, five to a byte and at last four; their scale
  static constexpr int kRun = 16;
  static constexpr int kRuns = 16;
  static Scale scale(const std::byte* block, int) { return {f16_at(block + 52)}; }
  static int level(const std::byte* block, int run, int i) {
    constexpr int kPowers[] = {1, 3, 9, 27, 81};
    const int at = run < 10 ? run % 2 * 16 + i : run < 15 ? 32 + i : 48 + i % 4;
    const int digit = run < 10 ? run / 2 : run < 15 ? run - 10 : i / 4;
    // A byte is a fraction of 256: times a power of 3, what lies behind the point gives the digit.
    return ((u8_at(block + at) * kPowers[digit] & 255) * 3 >> 8) - 1;
  }
};

template <>
struct Block<StoredType::tq2_0> {  // levels; their scale
  static constexpr int kRun = 16;
  static constexpr int kRuns = 16;
  static Scale scale(const std::byte* block, int) { return {f16_at(block + 64)}; }
  static int level(const std::byte* block, int run, int i) { return two_bits(block, run, i) - 1; }
};

// Floats of four bits, doubled, and the mean distance of neighbours.
constexpr std::int8_t kFp4Levels[] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
constexpr float kFp4MeanStep = (12.0f + 12.0f) / 14;

template <>
struct Block<StoredType::mxfp4> {  // exponent; levels
  static constexpr float kMeanStep = kFp4MeanStep;
  static constexpr int kRun = 16;
  static constexpr int kRuns = 2;
  static Scale scale(const std::byte* block, int) {  // half of 2^(e - 127)
    const auto e = static_cast<std::uint32_t>(*block);
    return {std::bit_cast<float>(e < 2 ? 0x200000u << e : (e - 1) << 23)};
  }
  static int level(const std::byte* block, int run, int i) {
    return kFp4Levels[u8_at(block + 1 + i) >> 4 * run & 15];
  }
};

template <>
struct Block<StoredType::nvfp4> {  // scales, floats of 8 bits without a sign; levels
  static constexpr float kMeanStep = kFp4MeanStep;
  static constexpr int kRun = 16;
  static constexpr int kRuns = 4;
  static Scale scale(const std::byte* block, int run) {  // half of it
    const int packed = u8_at(block + run);
    if (packed == 0x7f) return {0};  // not a number: ggml's 0
    const int exponent = packed >> 3 & 15;
    const int significand = (packed & 7) | (exponent > 0 ? 8 : 0);
    // 2^(exponent - 7) / 8 / 2, and where the exponent is 0 that of 1.
    const int power = std::max(exponent, 1) - 11;
    return {static_cast<float>(significand) *
            std::bit_cast<float>(static_cast<std::uint32_t>(power + 127) << 23)};
  }
  static int level(const std::byte* block, int run, int i) {
    return kFp4Levels[u8_at(block + 4 + 8 * run + i % 8) >> i / 8 * 4 & 15];
  }
};

}  // namespace
}  // namespace azimuth
