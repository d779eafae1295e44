#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "azimuth/file_error.h"

namespace azimuth {

/// Reads a GGUF file from front to back and never past its end: a length that the file does not
/// have is a FileError that names the place where it stands.
class GgufCursor {
 public:
  GgufCursor(const std::filesystem::path& file, std::span<const std::byte> bytes,
             std::size_t position)
      : file_(file), bytes_(bytes), position_(position) {}

  std::size_t position() const { return position_; }

  /// What is being read, for messages: a kind ("key") and a name out of the file, or none.
  void enter(std::string_view kind, std::string_view name = {}) {
    kind_ = kind;
    name_ = name;
  }

  [[noreturn]] void fail(std::string_view why) const {
    throw FileError(file_, std::string(kind_) + (name_.empty() ? "" : " ") + std::string(name_),
                    why);
  }

  template <class Number>
  Number number() {
    Number value;
    std::memcpy(&value, skip(1, sizeof value), sizeof value);
    return value;
  }

  std::string_view string() {
    const auto length = number<std::uint64_t>();
    return {reinterpret_cast<const char*>(skip(length, 1)), static_cast<std::size_t>(length)};
  }

  /// Steps over `count` items of `size` bytes and returns where they begin.
  const std::byte* skip(std::uint64_t count, std::uint64_t size) {
    if (count > (bytes_.size() - position_) / size) {
      fail("the file ends at byte " + std::to_string(bytes_.size()) + ", but at byte " +
           std::to_string(position_) + " it claims " + std::to_string(count) + " x " +
           std::to_string(size) + " bytes");
    }
    const std::byte* begin = bytes_.data() + position_;
    position_ += static_cast<std::size_t>(count * size);
    return begin;
  }

 private:
  const std::filesystem::path& file_;
  std::span<const std::byte> bytes_;
  std::size_t position_;
  std::string_view kind_;
  std::string_view name_;
};

}  // namespace azimuth
