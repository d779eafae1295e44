#pragma once

#include <cstdint>
#include <span>

#include "azimuth/tensor_view.h"

namespace azimuth {

/// Rows of a matrix of weights in memory.
struct WeightRows {
  StoredType type = StoredType::f32;
  const std::byte* data = nullptr;
  std::int64_t stride = 0;  ///< bytes from one row to the next
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

/// The types whose numbers are stored in quantised blocks: these, one behind the other.
constexpr int kFirstBlockType = static_cast<int>(StoredType::q4_0);
constexpr int kBlockTypes = static_cast<int>(StoredType::nvfp4) + 1 - kFirstBlockType;

/// How many vectors the iterations multiply with at once: as many as the machine multiplies with
/// while it reads the weights.
constexpr std::int64_t kFewVectors = 4;

/// Whether a product with `k` vectors has a loop of its own, which is bound by reading the weights.
constexpr bool has_own_loop(std::int64_t k) { return k == 1 || k == kFewVectors; }

/// The inner loops of the pass, compiled for several instruction sets; `kernels()` gives the widest
/// that this machine has. Weights are float32, or bfloat16 where `has_own_loop(k)`;
/// vectors are the columns of column-major matrices.
struct Kernels {
  const char* name;

  /// See azimuth::unpack, which takes tensors in pieces too.
  void (*unpack)(const TensorView& view, std::int64_t first_row, std::int64_t count, float* out,
                 Nudge nudge);

  /// Y (rows × k) = W X (columns × k).
  void (*multiply_f32)(const WeightRows& w, const float* x, std::int64_t ldx, std::int64_t k,
                       float* y, std::int64_t ldy);
  void (*multiply_f64)(const WeightRows& w, const double* x, std::int64_t ldx, std::int64_t k,
                       double* y, std::int64_t ldy);

  /// Y (columns × k) += Wᵀ X (rows × k).
  void (*multiply_transposed_f32)(const WeightRows& w, const float* x, std::int64_t ldx,
                                  std::int64_t k, float* y, std::int64_t ldy);
  void (*multiply_transposed_f64)(const WeightRows& w, const double* x, std::int64_t ldx,
                                  std::int64_t k, double* y, std::int64_t ldy);

  /// Sum of the 32-bit words of `bytes` bytes, wrapping; a last, incomplete word is filled with 0.
  std::uint64_t (*word_sum)(const std::byte* data, std::int64_t bytes);
};

/// Those that this machine can run, the widest last.
std::span<const Kernels* const> supported_kernels();

inline const Kernels& kernels() { return *supported_kernels().back(); }

}  // namespace azimuth
