#include "model/kernels.h"

namespace azimuth {

extern const Kernels kernels_baseline;
#ifdef __x86_64__
extern const Kernels kernels_avx2;
#endif

const Kernels& kernels() {
#ifdef __x86_64__
  static const Kernels& chosen = [&]() -> const Kernels& {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kernels_avx2;
    return kernels_baseline;
  }();
  return chosen;
#else
  return kernels_baseline;
#endif
}

}  // namespace azimuth
