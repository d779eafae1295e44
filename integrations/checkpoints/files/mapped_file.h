#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace azimuth {

struct WatchedMapping;

/// A whole file, mapped read-only. Throws FileError if it cannot be opened, is empty, or is not a
/// regular file. What happens when the file shrinks meanwhile: azimuth/shrunk_files.h.
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
  std::string when_it_shrinks_;
  WatchedMapping* watched_ = nullptr;
};

}  // namespace azimuth
