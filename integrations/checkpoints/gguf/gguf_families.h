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
};

/// Sorted by name.
std::span<const GgufFamily> gguf_families();

/// Throws FileError for what changes the result of any family and is not supported.
void check_supported(const GgufFields& fields, std::string_view family);

/// Names of tensors that play another role than usual in this file, for ModelWeights::from_tensors.
RoleNames gguf_role_names(const GgufFields& fields, const Architecture& architecture);

}  // namespace azimuth
