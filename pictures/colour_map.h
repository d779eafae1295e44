#pragma once

#include <cstddef>
#include <string>

namespace azimuth::pictures {

/// Viridis (Smith and van der Walt, matplotlib): its lightness rises evenly, so that it can be read
/// without telling colours apart.
inline constexpr std::size_t kShades = 40;
std::string viridis(std::size_t shade);  ///< "#440154" (0) to "#fde725" (kShades - 1)

}  // namespace azimuth::pictures
