#pragma once

#include <cstdint>
#include <span>

#include "azimuth/tensor_view.h"

namespace azimuth {

/// The inner loops of the pass, compiled for several instruction sets; `kernels()` gives the widest
/// that this machine has. Matrices of weights are row-major with a leading dimension, those of
/// vectors are column-major.
struct Kernels {
  const char* name;

  /// See azimuth::unpack.
  void (*unpack)(const TensorView& view, std::int64_t first_row, std::int64_t count, float* out,
                 Nudge nudge);

  /// Y (rows × k) = W (rows × columns) X (columns × k).
  void (*multiply_f32)(const float* w, std::int64_t ldw, std::int64_t rows, std::int64_t columns,
                       const float* x, std::int64_t ldx, std::int64_t k, float* y,
                       std::int64_t ldy);
  void (*multiply_f64)(const float* w, std::int64_t ldw, std::int64_t rows, std::int64_t columns,
                       const double* x, std::int64_t ldx, std::int64_t k, double* y,
                       std::int64_t ldy);

  /// Y (columns × k) += Wᵀ X (rows × k).
  void (*multiply_transposed_f32)(const float* w, std::int64_t ldw, std::int64_t rows,
                                  std::int64_t columns, const float* x, std::int64_t ldx,
                                  std::int64_t k, float* y, std::int64_t ldy);
  void (*multiply_transposed_f64)(const float* w, std::int64_t ldw, std::int64_t rows,
                                  std::int64_t columns, const double* x, std::int64_t ldx,
                                  std::int64_t k, double* y, std::int64_t ldy);

  /// Sum of the 32-bit words of `bytes` bytes, wrapping; a last, incomplete word is filled with 0.
  std::uint64_t (*word_sum)(const std::byte* data, std::int64_t bytes);
};

/// Those that this machine can run, the widest last.
std::span<const Kernels* const> supported_kernels();

inline const Kernels& kernels() { return *supported_kernels().back(); }

}  // namespace azimuth
