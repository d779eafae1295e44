#include "keep_memory.h"

#include <malloc.h>

#include <limits>

namespace azimuth::examples {

void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

}  // namespace azimuth::examples
