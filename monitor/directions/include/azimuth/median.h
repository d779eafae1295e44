#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "azimuth/observation.h"

namespace azimuth {

/// The median; of an even number of values the mean of the two middle ones. NaN without values, or
/// if one of them is NaN.
inline double median(std::vector<double> values) {
  const auto is_nan = [](double value) { return std::isnan(value); };
  if (values.empty() || std::ranges::any_of(values, is_nan)) return kNotApplicable;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

}  // namespace azimuth
