#include "azimuth/thresholds.h"

#include <stdexcept>

namespace azimuth {

void Thresholds::check() const {
  if (!(0 < emerging_ratio && emerging_ratio < high_norm_ratio)) {
    throw std::invalid_argument("thresholds: 0 < emerging_ratio < high_norm_ratio must hold");
  }
  if (!(0 < stable_angle && stable_angle < drift_angle && drift_angle < changed_angle &&
        changed_angle <= 90)) {
    throw std::invalid_argument(
        "thresholds: 0 < stable_angle < drift_angle < changed_angle <= 90 must hold");
  }
  if (window_steps < 0) {
    throw std::invalid_argument("thresholds: window_steps must not be negative");
  }
}

}  // namespace azimuth
