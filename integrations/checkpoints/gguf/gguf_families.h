#pragma once

#include <span>
#include <string_view>

#include "azimuth/architecture.h"
#include "azimuth/roles.h"
#include "gguf/gguf_fields.h"

namespace azimuth {

/// One `general.architecture`.
struct GgufFamily {
  std::string_view name;
  std::string_view architecture;  ///< the core's name
  /// Everything else: called with the name, the heads and `head_size` set.
  void (*read)(const GgufFields& fields, Architecture& architecture);
  /// Of the keys that check_supported refuses, those that `read` reads.
  std::span<const std::string_view> reads = {};
  /// Why no adapter can be put on such a model; empty: one can.
  std::string_view fixed = {};
};

// By kind, a file each.
std::span<const GgufFamily> gguf_dense_families();
std::span<const GgufFamily> gguf_gemma_families();
std::span<const GgufFamily> gguf_hybrid_families();
std::span<const GgufFamily> gguf_mixture_families();

/// All of them, sorted by name.
std::span<const GgufFamily> gguf_families();

/// Throws FileError for what changes the result of any family and is not supported for this one,
/// which has read `architecture`.
void check_supported(const GgufFields& fields, const GgufFamily& family,
                     const Architecture& architecture);

/// Names of tensors that play another role than usual in this file, for ModelWeights::from_tensors.
RoleNames gguf_role_names(const GgufFields& fields, const Architecture& architecture);

}  // namespace azimuth
