// Behind the end of a mapped file the last page reads as zeros, and nobody would see a reader that
// goes there. Linked with --wrap, so that readers' mappings pass through here: what is behind the
// end is forbidden.

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>

namespace {

std::size_t to_whole_pages(std::size_t size) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

}  // namespace

extern "C" {

void* __real_mmap(void*, std::size_t, int, int, int, off_t);
int __real_munmap(void*, std::size_t);

void* __wrap_mmap(void* address, std::size_t size, int protection, int flags, int file,
                  off_t offset) {
  void* data = __real_mmap(address, size, protection, flags, file, offset);
  if (data != MAP_FAILED) {
    ASAN_POISON_MEMORY_REGION(static_cast<char*>(data) + size, to_whole_pages(size) - size);
  }
  return data;
}

int __wrap_munmap(void* data, std::size_t size) {
  ASAN_UNPOISON_MEMORY_REGION(data, to_whole_pages(size));
  return __real_munmap(data, size);
}

}  // extern "C"
