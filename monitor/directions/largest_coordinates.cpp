#include "azimuth/largest_coordinates.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace azimuth {

std::vector<std::size_t> largest_coordinates(std::span<const float> direction, std::size_t count) {
  std::vector<std::size_t> order(direction.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return std::abs(direction[a]) > std::abs(direction[b]);
                    });
  order.resize(count);
  return order;
}

}  // namespace azimuth
