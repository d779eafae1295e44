#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace azimuth {

/// A whole file, mapped read-only. Throws FileError if it cannot be opened, is empty, or is not a
/// regular file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace azimuth
