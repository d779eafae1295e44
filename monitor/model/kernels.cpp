#include "model/kernels.h"

#include <array>
#include <cstddef>

namespace azimuth {

extern const Kernels kernels_baseline;
#ifdef __x86_64__
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
#endif

namespace {

// Without a destructor: a thread may multiply while the process exits.
struct Supported {
  std::array<const Kernels*, 3> kernels;
  std::size_t count;
};

Supported find_supported() {
#ifdef __x86_64__
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl");
  return {{&kernels_baseline, &kernels_avx2, &kernels_avx512}, avx512 ? 3u : avx2 ? 2u : 1u};
#else
  return {{&kernels_baseline}, 1};
#endif
}

}  // namespace

std::span<const Kernels* const> supported_kernels() {
  static const Supported supported = find_supported();
  return std::span(supported.kernels).first(supported.count);
}

}  // namespace azimuth
