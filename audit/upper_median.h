#pragma once

#include <algorithm>
#include <iterator>
#include <vector>

#include "azimuth/observation.h"

namespace azimuth {

/// Of an even number the larger of the two in the middle, which is one of them; NaN of none.
inline double upper_median(std::vector<float> values) {
  if (values.empty()) return kNotApplicable;
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return double{*middle};
}

}  // namespace azimuth
