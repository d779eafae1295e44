#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "azimuth/tensor_view.h"

namespace azimuth {

/// A type of numbers; one that cannot be read has no stored type.
struct PyTorchNumbers {
  std::string_view name;
  std::int64_t bytes;
  std::optional<StoredType> stored;
  bool counts = false;  ///< masks, ids, counts: no weights are stored as such
};

/// What calling a global would give, and is put in its place: nothing is ever called.
enum class PickleRole : std::uint8_t {
  record_class,       ///< an instance with attributes
  dict,               ///< a dict
  opaque,             ///< a value that no tensor is made of
  first_argument,     ///< its first argument
  rebuild_tensor,     ///< a tensor
  rebuild_parameter,  ///< its first argument, which is a tensor
  rebuild_from_type,  ///< what its first argument gives for its third
  tensor_class,       ///< not called
  storage_class,      ///< not called; `numbers` is null if the tensor says what they are
  number_type,        ///< not called
};

/// A global that a checkpoint may refer to.
struct PickleGlobal {
  std::string_view name;  ///< "torch.FloatStorage"
  PickleRole role;
  const PyTorchNumbers* numbers = nullptr;
};

/// Null if no state dict needs it.
const PickleGlobal* find_global(std::string_view module, std::string_view name);

}  // namespace azimuth
