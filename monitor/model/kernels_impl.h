// The inner loops, compiled once for each instruction set: the including file has defined
// AZIMUTH_KERNELS, the name of its table, and renamed the namespace Eigen, so that the linker never
// takes a function compiled for one instruction set where another is meant.

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <utility>

#include "model/coins.h"
#include "model/kernels.h"
#include "model/kernels_blocks.h"
#include "model/kernels_codebooks.h"
#include "model/kernels_few.h"

namespace azimuth {
namespace {

// Half of the last place of a float whose significand has `bits` bits behind the point. Made of its
// bits: std::ldexp would be most of what a nudged pass takes.
float half_unit(float value, int bits, int least_exponent) {
  const int exponent = static_cast<int>(std::bit_cast<std::uint32_t>(value) >> 23 & 0xff) - 127;
  const int biased = std::max(exponent, least_exponent) - bits - 1 + 127;
  const std::uint32_t normal = static_cast<std::uint32_t>(biased) << 23;
  const std::uint32_t denormal = biased > -23 ? 1u << ((biased + 22) & 31) : 0;
  return std::bit_cast<float>(biased > 0 ? normal : denormal);
}

template <class Use, int... numbers>
bool with_block_of(StoredType type, const Use& use, std::integer_sequence<int, numbers...>) {
  return ((static_cast<int>(type) == kFirstBlockType + numbers &&
           (use(Block<StoredType{kFirstBlockType + numbers}>()), true)) ||
          ...);
}

/// Calls `use` with the Block of a quantised type; false for a type that has none.
template <class Use>
bool with_block(StoredType type, const Use& use) {
  return with_block_of(type, use, std::make_integer_sequence<int, kBlockTypes>());
}

template <class Block>
constexpr bool kHasCodebook =
    requires(const std::byte* block) { Block::eight_levels(block, 0, 0); };

template <class Block>
void unpack_codebook(const std::byte* block, float* out) {
  for (int run = 0; run < Block::kRuns; ++run, out += Block::kRun) {
    const Scale s = Block::scale(block, run);
    std::int8_t levels[Block::kRun];
#pragma GCC unroll 4
    for (int i = 0; i < Block::kRun / 8; ++i) {
      const std::uint64_t eight = Block::eight_levels(block, run, i);
      std::memcpy(levels + 8 * i, &eight, 8);
    }
#pragma GCC unroll 1  // as below
    for (int i = 0; i < Block::kRun; ++i) out[i] = s.scale * static_cast<float>(levels[i]);
  }
}

template <class Block, int run>
void unpack_run(const std::byte* block, float* out) {
  const Scale s = Block::scale(block, run);
#pragma GCC unroll 1  // unrolled, short runs would no longer be vectorised
  for (int i = 0; i < Block::kRun; ++i) {
    out[i] = s.scale * static_cast<float>(Block::level(block, run, i)) - s.minimum;
  }
}

template <class Block, int... runs>
void unpack_block(const std::byte* block, float* out, std::integer_sequence<int, runs...>) {
  (unpack_run<Block, runs>(block, out + runs * Block::kRun), ...);
}

void unpack_row(StoredType type, const std::byte* row, std::int64_t columns, float* out) {
  const bool quantised = with_block(type, [&](auto block) {
    using Block = decltype(block);
    constexpr int length = Block::kRuns * Block::kRun;
    const std::int64_t bytes = block_bytes(type);
    for (std::int64_t b = 0; b < columns / length; ++b) {
      if constexpr (kHasCodebook<Block>) {
        unpack_codebook<Block>(row + b * bytes, out + b * length);
      } else {
        unpack_block<Block>(row + b * bytes, out + b * length,
                            std::make_integer_sequence<int, Block::kRuns>());
      }
    }
  });
  if (quantised) return;
  if (type == StoredType::f32) {
    std::memcpy(out, row, static_cast<std::size_t>(columns) * sizeof(float));
  } else if (type == StoredType::f16) {
    for (std::int64_t i = 0; i < columns; ++i) out[i] = f16_at(row + 2 * i);
  } else {
    for (std::int64_t i = 0; i < columns; ++i) out[i] = bf16_at(row + 2 * i);
  }
}

// Moves numbers by what `half_step` says of them, up or down.
template <class HalfStep>
void move(std::uint32_t coins, int count, float* out, const HalfStep& half_step) {
#pragma GCC unroll 1  // as above
  for (int i = 0; i < count; ++i) {
    const std::uint32_t sign = ~(coins >> i) << 31;
    out[i] += std::bit_cast<float>(std::bit_cast<std::uint32_t>(half_step(out[i])) ^ sign);
  }
}

void nudge_row(StoredType type, const std::byte* row, std::int64_t columns, std::int64_t row_index,
               std::uint64_t seed, float* out) {
  const bool quantised = with_block(type, [&](auto block) {
    using Block = decltype(block);
    static_assert(Block::kRun == 16 || Block::kRun == 32);
    const std::int64_t bytes = block_bytes(type);
    float half_level = 0.5f;
    if constexpr (requires { Block::kMeanStep; }) half_level *= Block::kMeanStep;
    for (std::int64_t column = 0; column < columns; row += bytes) {
      for (int run = 0; run < Block::kRuns; ++run, column += Block::kRun) {
        const float step = half_level * Block::scale(row, run).scale;
        move(coins(seed, row_index, column), Block::kRun, out + column,
             [step](float) { return step; });
      }
    }
  });
  if (quantised) return;
  const int bits = type == StoredType::f32 ? 23 : type == StoredType::f16 ? 10 : 7;
  const int least_exponent = type == StoredType::f16 ? -14 : -126;
  constexpr std::int64_t kGroup = 32;
  for (std::int64_t column = 0; column < columns; column += kGroup) {
    const int count = static_cast<int>(std::min(kGroup, columns - column));
    move(coins(seed, row_index, column), count, out + column,
         [=](float value) { return half_unit(value, bits, least_exponent); });
  }
}

void unpack_rows(const TensorView& view, std::int64_t first_row, std::int64_t count, float* out,
                 Nudge nudge) {
  assert(view.type != StoredType::in_pieces);
  const std::int64_t columns = view.columns();
  const std::int64_t stride = view.row_bytes();
  for (std::int64_t r = first_row; r < first_row + count; ++r, out += columns) {
    const std::byte* row = view.data + r * stride;
    unpack_row(view.type, row, columns, out);
    if (nudge.active) nudge_row(view.type, row, columns, r, nudge.seed, out);
  }
}

template <class Scalar>
using Columns =
    Eigen::Map<Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>, 0, Eigen::OuterStride<>>;
template <class Scalar>
using ConstColumns = Eigen::Map<const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>, 0,
                                Eigen::OuterStride<>>;

Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0,
           Eigen::OuterStride<>>
as_matrix(const WeightRows& w) {
  assert(w.type == StoredType::f32);
  return {reinterpret_cast<const float*>(w.data), w.rows, w.columns,
          Eigen::OuterStride<>(w.stride / static_cast<std::int64_t>(sizeof(float)))};
}

template <class Scalar>
void multiply(const WeightRows& w, const Scalar* x, std::int64_t ldx, std::int64_t k, Scalar* y,
              std::int64_t ldy) {
  if (has_own_loop(k)) {
    return with_few(w.type, k, [&](auto weights, auto vectors) {
      multiply_few<Scalar, decltype(weights), vectors>({w, x, ldx, y, ldy});
    });
  }
  const ConstColumns<Scalar> X(x, w.columns, k, Eigen::OuterStride<>(ldx));
  Columns<Scalar> Y(y, w.rows, k, Eigen::OuterStride<>(ldy));
  Y.noalias() = as_matrix(w).template cast<Scalar>() * X;
}

template <class Scalar>
void multiply_transposed(const WeightRows& w, const Scalar* x, std::int64_t ldx, std::int64_t k,
                         Scalar* y, std::int64_t ldy) {
  if (has_own_loop(k)) {
    return with_few(w.type, k, [&](auto weights, auto vectors) {
      multiply_transposed_few<Scalar, decltype(weights), vectors>({w, x, ldx, y, ldy});
    });
  }
  const ConstColumns<Scalar> X(x, w.rows, k, Eigen::OuterStride<>(ldx));
  Columns<Scalar> Y(y, w.columns, k, Eigen::OuterStride<>(ldy));
  Y.noalias() += as_matrix(w).template cast<Scalar>().transpose() * X;
}

std::uint64_t sum_words(const std::byte* data, std::int64_t bytes) {
  std::uint64_t sum = 0;
  const std::int64_t whole = bytes / 4;
  for (std::int64_t i = 0; i < whole; ++i) sum += load<std::uint32_t>(data + 4 * i);
  std::uint32_t last = 0;
  std::memcpy(&last, data + 4 * whole, static_cast<std::size_t>(bytes - 4 * whole));
  return sum + last;
}

}  // namespace

extern const Kernels AZIMUTH_KERNELS;
const Kernels AZIMUTH_KERNELS = {
    AZIMUTH_KERNELS_NAME,
    unpack_rows,
    multiply<float>,
    multiply<double>,
    multiply_transposed<float>,
    multiply_transposed<double>,
    sum_words,
};

}  // namespace azimuth
