#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "azimuth/tensor_view.h"

namespace azimuth {

/// Types of metadata, by GGUF's numbers.
enum class GgufType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

/// Where a value lies in the file. Of an array: its elements.
struct GgufValue {
  bool is_array = false;
  GgufType type = GgufType::u8;  ///< of an array: of its elements
  std::uint64_t count = 1;
  std::size_t position = 0;
};

/// What the header of a GGUF file says, checked. Text points into the file's bytes.
struct GgufLayout {
  std::vector<std::string_view> keys;  ///< in the order of the file
  std::map<std::string_view, GgufValue> values;
  std::vector<NamedTensor> tensors;
  std::vector<UnreadableTensor> unreadable;  ///< their data are not looked at
};

/// Throws FileError, naming `file`.
GgufLayout read_gguf_layout(const std::filesystem::path& file, std::span<const std::byte> bytes);

}  // namespace azimuth
