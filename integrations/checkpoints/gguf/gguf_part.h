#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "files/mapped_file.h"
#include "gguf/gguf_layout.h"

namespace azimuth {

/// One GGUF file: a whole model, or a part of one that was split.
class GgufPart {
 public:
  /// Throws FileError.
  explicit GgufPart(const std::filesystem::path& file);

  const std::filesystem::path& path() const { return path_; }
  const GgufLayout& layout() const { return layout_; }
  bool has(std::string_view key) const { return layout_.values.contains(key); }
  bool is_array(std::string_view key) const {
    const auto found = layout_.values.find(key);
    return found != layout_.values.end() && found->second.is_array;
  }

  /// Elements of the array that a key holds. Throws FileError, naming the key.
  std::int64_t length(std::string_view key) const;

  /// The value of a key, or the elements of an array. `Wanted` is std::int64_t, double, bool or
  /// std::string_view. Throws FileError, naming the key.
  template <class Wanted>
  Wanted value(std::string_view key) const {
    return values<Wanted>(key, false).front();
  }
  template <class Wanted>
  std::vector<Wanted> array(std::string_view key) const {
    return values<Wanted>(key, true);
  }

 private:
  const GgufValue& find(std::string_view key, bool array) const;
  template <class Wanted>
  std::vector<Wanted> values(std::string_view key, bool array) const;

  std::filesystem::path path_;
  MappedFile mapping_;
  GgufLayout layout_;
};

}  // namespace azimuth
