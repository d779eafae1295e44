#pragma once

#include <cstddef>

namespace azimuth::testing {

/// The largest block of memory that anything in this program has asked for. Set it to 0 to begin.
extern std::size_t largest_allocation;

}  // namespace azimuth::testing
