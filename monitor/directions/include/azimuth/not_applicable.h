#pragma once

#include <limits>

namespace azimuth {

/// What a figure is that does not apply.
inline constexpr double kNotApplicable = std::numeric_limits<double>::quiet_NaN();

}  // namespace azimuth
