// The inner loops, compiled once for each instruction set: the including file has defined
// AZIMUTH_KERNELS, the name of its table, and renamed the namespace Eigen, so that the linker never
// takes a function compiled for one instruction set where another is meant.

#include <Eigen/Core>
#include <bit>
#include <cstring>

#include "model/kernels.h"

namespace azimuth {
namespace {

template <class T>
T load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

float from_bf16(std::uint16_t h) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16);
}

// Exact for normal, subnormal, infinite and NaN halves, and vectorised by the compiler.
float from_f16(std::uint16_t h) {
  const std::uint32_t magnitude = static_cast<std::uint32_t>(h & 0x7fff) << 13;
  const float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;
  const std::uint32_t special = (h & 0x7c00) == 0x7c00 ? 0x7f800000u : 0u;
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000) << 16;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(scaled) | special | sign);
}

// Half of the last place of a float whose significand has `bits` bits behind the point.
float half_unit(float value, int bits, int least_exponent) {
  const int exponent = static_cast<int>(std::bit_cast<std::uint32_t>(value) >> 23 & 0xff) - 127;
  const int place = std::max(exponent, least_exponent) - bits - 1;
  return std::ldexp(1.0f, place);
}

std::uint64_t coins(std::uint64_t seed, std::int64_t row, std::int64_t group) {
  std::uint64_t z = seed + 0x9e3779b97f4a7c15ull * static_cast<std::uint64_t>(row + 1) +
                    0xd1b54a32d192ed03ull * static_cast<std::uint64_t>(group + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

void unpack_row(StoredType type, const std::byte* row, std::int64_t columns, float* out) {
  switch (type) {
    case StoredType::f32:
      std::memcpy(out, row, static_cast<std::size_t>(columns) * sizeof(float));
      return;
    case StoredType::f16:
      for (std::int64_t i = 0; i < columns; ++i)
        out[i] = from_f16(load<std::uint16_t>(row + 2 * i));
      return;
    case StoredType::bf16:
      for (std::int64_t i = 0; i < columns; ++i)
        out[i] = from_bf16(load<std::uint16_t>(row + 2 * i));
      return;
    case StoredType::q4_1:  // scale, minimum, then the low halves of 16 bytes, then the high ones
      for (std::int64_t b = 0; b < columns / 32; ++b, row += 20, out += 32) {
        const float scale = from_f16(load<std::uint16_t>(row));
        const float minimum = from_f16(load<std::uint16_t>(row + 2));
        for (int i = 0; i < 16; ++i) {
          const int byte = static_cast<int>(row[4 + i]);
          out[i] = scale * static_cast<float>(byte & 15) + minimum;
          out[i + 16] = scale * static_cast<float>(byte >> 4) + minimum;
        }
      }
      return;
    case StoredType::q8_0:
      for (std::int64_t b = 0; b < columns / 32; ++b, row += 34, out += 32) {
        const float scale = from_f16(load<std::uint16_t>(row));
        for (int i = 0; i < 32; ++i) {
          out[i] = scale * static_cast<float>(static_cast<std::int8_t>(row[2 + i]));
        }
      }
      return;
  }
}

void nudge_row(StoredType type, const std::byte* row, std::int64_t columns, std::int64_t row_index,
               std::uint64_t seed, float* out) {
  std::uint64_t word = 0;
  for (std::int64_t i = 0; i < columns; ++i) {
    if (i % 64 == 0) word = coins(seed, row_index, i / 64);
    float unit = 0;
    switch (type) {
      case StoredType::f32:
        unit = half_unit(out[i], 23, -126);
        break;
      case StoredType::f16:
        unit = half_unit(out[i], 10, -14);
        break;
      case StoredType::bf16:
        unit = half_unit(out[i], 7, -126);
        break;
      case StoredType::q4_1:
        unit = 0.5f * from_f16(load<std::uint16_t>(row + i / 32 * 20));
        break;
      case StoredType::q8_0:
        unit = 0.5f * from_f16(load<std::uint16_t>(row + i / 32 * 34));
        break;
    }
    out[i] += (word >> (i % 64) & 1) != 0 ? unit : -unit;
  }
}

void unpack_rows(const TensorView& view, std::int64_t first_row, std::int64_t count, float* out,
                 Nudge nudge) {
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
using Weights =
    Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0,
               Eigen::OuterStride<>>;

template <class Scalar>
void multiply(const float* w, std::int64_t ldw, std::int64_t rows, std::int64_t columns,
              const Scalar* x, std::int64_t ldx, std::int64_t k, Scalar* y, std::int64_t ldy) {
  const Weights W(w, rows, columns, Eigen::OuterStride<>(ldw));
  const ConstColumns<Scalar> X(x, columns, k, Eigen::OuterStride<>(ldx));
  Columns<Scalar> Y(y, rows, k, Eigen::OuterStride<>(ldy));
  Y.noalias() = W.template cast<Scalar>() * X;
}

// One vector in float64, as iterations multiply with it: Eigen would turn all of W into float64
// first, which costs several times the product.
void multiply_vector(const float* w, std::int64_t ldw, std::int64_t rows, std::int64_t columns,
                     const double* x, double* y) {
  constexpr std::int64_t kLanes = 16;
  for (std::int64_t r = 0; r < rows; ++r, w += ldw) {
    double sums[kLanes] = {};
    std::int64_t c = 0;
    for (; c + kLanes <= columns; c += kLanes) {
      for (std::int64_t i = 0; i < kLanes; ++i) sums[i] += static_cast<double>(w[c + i]) * x[c + i];
    }
    double sum = 0;
    for (; c < columns; ++c) sum += static_cast<double>(w[c]) * x[c];
    for (const double s : sums) sum += s;
    y[r] = sum;
  }
}

void multiply_double(const float* w, std::int64_t ldw, std::int64_t rows, std::int64_t columns,
                     const double* x, std::int64_t ldx, std::int64_t k, double* y,
                     std::int64_t ldy) {
  if (k == 1) return multiply_vector(w, ldw, rows, columns, x, y);
  multiply<double>(w, ldw, rows, columns, x, ldx, k, y, ldy);
}

template <class Scalar>
void multiply_transposed(const float* w, std::int64_t ldw, std::int64_t rows, std::int64_t columns,
                         const Scalar* x, std::int64_t ldx, std::int64_t k, Scalar* y,
                         std::int64_t ldy) {
  const Weights W(w, rows, columns, Eigen::OuterStride<>(ldw));
  const ConstColumns<Scalar> X(x, rows, k, Eigen::OuterStride<>(ldx));
  Columns<Scalar> Y(y, columns, k, Eigen::OuterStride<>(ldy));
  Y.noalias() += W.template cast<Scalar>().transpose() * X;
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
    multiply_double,
    multiply_transposed<float>,
    multiply_transposed<double>,
    sum_words,
};

}  // namespace azimuth
