// Products with a few vectors at once, as iterations multiply: bound by reading the weights, so
// that these are used as they are stored and never copied. Only for kernels_impl.h.

#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "model/kernels.h"
#include "model/kernels_blocks.h"

namespace azimuth {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kRowsAtOnce = 4;  // sums of 4 rows and 4 vectors fill half of the registers
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kRowsAtOnce = 2;
#else
constexpr int kVectorBytes = 16;
constexpr int kRowsAtOnce = 2;
#endif

template <class Scalar>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(Scalar));

// `count` numbers beside one another.
template <class Number, int count>
struct Pack {
  typedef Number type __attribute__((vector_size(count * sizeof(Number))));
};
template <class Scalar>
using Lanes = typename Pack<Scalar, kLanes<Scalar>>::type;

// Weights as they are stored.
struct F32Weights {
  static constexpr std::int64_t kBytes = 4;
  static float one(const std::byte* at) { return load<float>(at); }
  template <int count>
  static auto several(const std::byte* at) {
    return load<typename Pack<float, count>::type>(at);
  }
};
struct Bf16Weights {
  static constexpr std::int64_t kBytes = 2;
  static float one(const std::byte* at) { return bf16_at(at); }
  template <int count>
  static auto several(const std::byte* at) {
    using Words = typename Pack<std::uint32_t, count>::type;
    const auto halves = load<typename Pack<std::uint16_t, count>::type>(at);
    return std::bit_cast<typename Pack<float, count>::type>(__builtin_convertvector(halves, Words)
                                                            << 16);
  }
};

template <class Scalar, class Weights>
Lanes<Scalar> lanes_of(const std::byte* at) {
  return __builtin_convertvector(Weights::template several<kLanes<Scalar>>(at), Lanes<Scalar>);
}

// Weights of `count` rows from column `c` on. Asks for those of the rows that come next too: the
// machine by itself does not read on from one page to another.
template <class Scalar, class Weights, int count>
void load_rows(const std::byte* w, std::int64_t stride, std::int64_t c,
               Lanes<Scalar> (&weights)[count]) {
#pragma GCC unroll 4
  for (int r = 0; r < count; ++r) {
    const std::byte* at = w + r * stride + c * Weights::kBytes;
    weights[r] = lanes_of<Scalar, Weights>(at);
    __builtin_prefetch(at + count * stride);
  }
}

template <class Scalar>
const std::byte* as_bytes(const Scalar* numbers) {
  return reinterpret_cast<const std::byte*>(numbers);
}

// What the loops below go over.
template <class Scalar>
struct FewProduct {
  WeightRows w;
  const Scalar* x;
  std::int64_t ldx;
  Scalar* y;
  std::int64_t ldy;
};

// Rows [row, row + count) of Y = W X.
template <class Scalar, class Weights, int count, int vectors>
void rows_times_few(const FewProduct<Scalar>& p, std::int64_t row) {
  const std::byte* w = p.w.data + row * p.w.stride;
  Lanes<Scalar> sums[count][vectors] = {};
  std::int64_t c = 0;
  for (; c + kLanes<Scalar> <= p.w.columns; c += kLanes<Scalar>) {
    Lanes<Scalar> weights[count];
    load_rows<Scalar, Weights>(w, p.w.stride, c, weights);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const auto x = load<Lanes<Scalar>>(as_bytes(p.x + v * p.ldx + c));
#pragma GCC unroll 4
      for (int r = 0; r < count; ++r) sums[r][v] += weights[r] * x;
    }
  }
  for (int r = 0; r < count; ++r) {
    for (int v = 0; v < vectors; ++v) {
      Scalar sum = 0;
      for (std::int64_t i = c; i < p.w.columns; ++i) {
        sum += static_cast<Scalar>(Weights::one(w + r * p.w.stride + i * Weights::kBytes)) *
               p.x[v * p.ldx + i];
      }
      for (int lane = 0; lane < kLanes<Scalar>; ++lane) sum += sums[r][v][lane];
      p.y[v * p.ldy + row + r] = sum;
    }
  }
}

// What rows [row, row + count) add to Y += Wᵀ X.
template <class Scalar, class Weights, int count, int vectors>
void transposed_rows_times_few(const FewProduct<Scalar>& p, std::int64_t row) {
  const std::byte* w = p.w.data + row * p.w.stride;
  Lanes<Scalar> x[count][vectors];
  for (int r = 0; r < count; ++r) {
    for (int v = 0; v < vectors; ++v) x[r][v] = Lanes<Scalar>{} + p.x[v * p.ldx + row + r];
  }
  std::int64_t c = 0;
  for (; c + kLanes<Scalar> <= p.w.columns; c += kLanes<Scalar>) {
    Lanes<Scalar> weights[count];
    load_rows<Scalar, Weights>(w, p.w.stride, c, weights);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      Scalar* y = p.y + v * p.ldy + c;
      auto sum = load<Lanes<Scalar>>(as_bytes(y));
#pragma GCC unroll 4
      for (int r = 0; r < count; ++r) sum += weights[r] * x[r][v];
      std::memcpy(y, &sum, sizeof(sum));
    }
  }
  for (; c < p.w.columns; ++c) {
    for (int r = 0; r < count; ++r) {
      const Scalar weight = Weights::one(w + r * p.w.stride + c * Weights::kBytes);
      for (int v = 0; v < vectors; ++v) p.y[v * p.ldy + c] += weight * p.x[v * p.ldx + row + r];
    }
  }
}

template <class Scalar, class Weights, int vectors>
void multiply_few(const FewProduct<Scalar>& p) {
  std::int64_t row = 0;
  for (; row + kRowsAtOnce <= p.w.rows; row += kRowsAtOnce) {
    rows_times_few<Scalar, Weights, kRowsAtOnce, vectors>(p, row);
  }
  for (; row < p.w.rows; ++row) rows_times_few<Scalar, Weights, 1, vectors>(p, row);
}

template <class Scalar, class Weights, int vectors>
void multiply_transposed_few(const FewProduct<Scalar>& p) {
  std::int64_t row = 0;
  for (; row + 4 <= p.w.rows; row += 4) {
    transposed_rows_times_few<Scalar, Weights, 4, vectors>(p, row);
  }
  for (; row < p.w.rows; ++row) transposed_rows_times_few<Scalar, Weights, 1, vectors>(p, row);
}

// Calls `product` with the type of the weights and the number of vectors, 1 or kFewVectors.
template <class Product>
void with_few(StoredType type, std::int64_t k, const Product& product) {
  using One = std::integral_constant<int, 1>;
  using Few = std::integral_constant<int, kFewVectors>;
  const auto with_weights = [&](auto weights) {
    k == 1 ? product(weights, One()) : product(weights, Few());
  };
  type == StoredType::bf16 ? with_weights(Bf16Weights()) : with_weights(F32Weights());
}

}  // namespace
}  // namespace azimuth
