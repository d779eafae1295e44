#include "files/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "azimuth/file_error.h"
#include "files/watched_mapping.h"

namespace azimuth {
namespace {

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

[[noreturn]] void fail(const std::filesystem::path& file, const char* what) {
  throw FileError(file, what, std::generic_category().message(errno));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& file)
    : when_it_shrinks_(FileError(file, "contents", "shrank while it was read").what()) {
  // Non-blocking, so that a named pipe without a writer is refused instead of waited for.
  const Descriptor descriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (descriptor.number < 0) fail(file, "cannot be opened");
  struct stat status = {};
  if (::fstat(descriptor.number, &status) != 0) fail(file, "cannot be examined");
  if (!S_ISREG(status.st_mode)) throw FileError(file, "cannot be read", "is not a regular file");
  if (status.st_size == 0) throw FileError(file, "cannot be read", "the file is empty");
  size_ = static_cast<std::size_t>(status.st_size);
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor.number, 0);
  if (data == MAP_FAILED) fail(file, "cannot be mapped");
  data_ = static_cast<const std::byte*>(data);
  watched_ = watch_mapping(bytes(), when_it_shrinks_.c_str());
}

MappedFile::~MappedFile() {
  forget_mapping(watched_);
  ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace azimuth
