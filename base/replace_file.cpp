#include "azimuth/replace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <string>
#include <system_error>

#include "azimuth/file_error.h"

namespace azimuth {
namespace {

/// The system's reason, before it is known which file the caller asked for.
struct Failure {
  const char* what;
  std::string why;
};

[[noreturn]] void fail(const char* what) {
  throw Failure{what, std::generic_category().message(errno)};
}

/// A file being written.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& file, int flags)
      : number_(::open(file.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666)) {
    if (number_ < 0) fail("open");
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(number_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("write");
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void to_disk() {
    if (::fsync(number_) != 0) fail("write");
  }

 private:
  int number_;
};

/// A file beside the one it is to replace; removed again unless it was put in place.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& destination)
      : destination_(destination),
        path_(destination.string() + ".part-" + std::to_string(std::random_device()())),
        descriptor_(path_, O_CREAT | O_EXCL) {}

  ~TemporaryFile() {
    if (!in_place_) ::unlink(path_.c_str());
  }

  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::string_view bytes) { descriptor_.write(bytes); }

  void put_in_place() {
    descriptor_.to_disk();
    if (::rename(path_.c_str(), destination_.c_str()) != 0) fail("write");
    in_place_ = true;
  }

 private:
  std::filesystem::path destination_;
  std::filesystem::path path_;
  Descriptor descriptor_;
  bool in_place_ = false;
};

void replace(const std::filesystem::path& file, std::string_view bytes) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    Descriptor(file, 0).write(bytes);
    return;
  }
  const bool is_link = std::filesystem::is_symlink(file, error);
  TemporaryFile temporary(is_link ? std::filesystem::weakly_canonical(file, error) : file);
  temporary.write(bytes);
  temporary.put_in_place();
}

}  // namespace

void replace_file(const std::filesystem::path& file, std::string_view bytes) {
  try {
    replace(file, bytes);
  } catch (const Failure& failure) {
    throw FileError(file, failure.what, failure.why);
  }
}

}  // namespace azimuth
