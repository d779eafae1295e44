#pragma once

#include <cstddef>
#include <string>

namespace azimuth::pictures {

struct Colour {
  double red = 0;  ///< all from 0 to 255
  double green = 0;
  double blue = 0;
};

/// "#rrggbb" of the colour that lies `part` of the way from one to the other.
std::string between(const Colour& from, const Colour& to, double part);

/// Viridis (Smith and van der Walt, matplotlib): its lightness rises evenly, so that it can be read
/// without telling colours apart.
inline constexpr std::size_t kShades = 40;
std::string viridis(std::size_t shade);  ///< "#440154" (0) to "#fde725" (kShades - 1)

}  // namespace azimuth::pictures
