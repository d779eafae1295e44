#include "azimuth/exporter.h"

namespace azimuth {

void Histogram::add(double seconds) {
  std::size_t bucket = 0;
  while (bucket < upper_bounds.size() && seconds > upper_bounds[bucket]) ++bucket;
  ++counts[bucket];
  sum += seconds;
}

}  // namespace azimuth
