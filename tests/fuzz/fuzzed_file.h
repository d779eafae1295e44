#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace azimuth::testing {

/// Bytes as a file that readers can map, in memory alone.
class FuzzedFile {
 public:
  explicit FuzzedFile(std::string_view bytes) : descriptor_(::memfd_create("fuzzed", MFD_CLOEXEC)) {
    if (descriptor_ < 0) std::abort();
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0) std::abort();
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  ~FuzzedFile() { ::close(descriptor_); }
  FuzzedFile(const FuzzedFile&) = delete;
  FuzzedFile& operator=(const FuzzedFile&) = delete;

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// A folder with names for such files, for as long as the program runs.
class FuzzedFolder {
 public:
  FuzzedFolder() {
    std::string name = std::filesystem::temp_directory_path() / "azimuth_fuzz_XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~FuzzedFolder() { std::filesystem::remove_all(path_); }
  FuzzedFolder(const FuzzedFolder&) = delete;
  FuzzedFolder& operator=(const FuzzedFolder&) = delete;

  void clear() const {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      std::filesystem::remove(entry);
    }
  }
  void put(std::string_view name, const std::filesystem::path& file) const {
    std::filesystem::create_symlink(file, path_ / name);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Takes what stands before the first null byte off `bytes`: all, if there is none.
inline std::string_view take_part(std::string_view& bytes) {
  const std::string_view part = bytes.substr(0, bytes.find('\0'));
  bytes.remove_prefix(std::min(bytes.size(), part.size() + 1));
  return part;
}

}  // namespace azimuth::testing
