#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>

namespace azimuth {

/// Puts the elements of `v` into a random order, of 32 random bits a swap: the same on every
/// platform, unlike the standard's distributions. The bias of the multiplication is below
/// v.size() / 2^32.
template <typename Vector>
void shuffle(Vector& v, std::mt19937_64& random) {
  const auto swap_last = [&](std::size_t last, std::uint64_t bits) {
    std::swap(v[last], v[bits * (last + 1) >> 32]);
  };
  for (std::size_t i = v.size(); i > 1; i -= 2) {
    const std::uint64_t bits = random();
    swap_last(i - 1, bits >> 32);
    if (i == 2) break;
    swap_last(i - 2, bits & 0xffffffff);
  }
}

}  // namespace azimuth
