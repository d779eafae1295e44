#include "integrations/checkpoints/files/largest_allocation.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace azimuth::testing {

std::size_t largest_allocation = 0;

}  // namespace azimuth::testing

// In a file of its own, so that no call is inlined and taken for a mismatched pair.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  auto& largest = azimuth::testing::largest_allocation;
  largest = std::max(largest, size);
  return std::malloc(size);
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
