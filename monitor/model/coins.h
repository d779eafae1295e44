// What decides which way a number is nudged. Part of kernels_impl.h, which is compiled once for
// each instruction set: hence the anonymous namespace.

#pragma once

#include <cstdint>

namespace azimuth {
namespace {

// Coins for 32 numbers or fewer of a row, the first of which is at `column`, a multiple of 16.
inline std::uint32_t coins(std::uint64_t seed, std::int64_t row, std::int64_t column) {
  const std::int64_t group = column / 64;
  std::uint64_t z = seed + 0x9e3779b97f4a7c15ull * static_cast<std::uint64_t>(row + 1) +
                    0xd1b54a32d192ed03ull * static_cast<std::uint64_t>(group + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return static_cast<std::uint32_t>((z ^ (z >> 31)) >> column % 64);
}

}  // namespace
}  // namespace azimuth
