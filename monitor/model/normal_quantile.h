#pragma once

#include <cmath>
#include <numbers>

namespace azimuth {

/// The number that a standard normal one lies below with probability `p`, 0 < p < 1.
inline double normal_quantile(double p) {
  double low = -40;
  double high = 40;  // beyond, the tails are 0 in float64
  for (;;) {
    const double middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    (std::erfc(-middle / std::numbers::sqrt2) / 2 < p ? low : high) = middle;
  }
}

}  // namespace azimuth
