#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace azimuth {

/// Indices of the `count` coordinates of `direction` (or of all, if it has fewer) that are largest
/// in size, largest first: how a person recognises a direction.
std::vector<std::size_t> largest_coordinates(std::span<const float> direction, std::size_t count);

}  // namespace azimuth
