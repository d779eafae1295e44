#include "colour_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace azimuth::pictures {
namespace {

// Every 32nd of the 256 colours, and the last.
constexpr std::array<Colour, 9> kStops = {{{68, 1, 84},
                                           {71, 44, 122},
                                           {59, 81, 139},
                                           {44, 113, 142},
                                           {33, 144, 141},
                                           {39, 173, 129},
                                           {92, 200, 99},
                                           {170, 220, 50},
                                           {253, 231, 37}}};

}  // namespace

std::string between(const Colour& from, const Colour& to, double part) {
  const auto mix = [&](double Colour::*channel) {
    return static_cast<int>(std::lround(from.*channel + part * (to.*channel - from.*channel)));
  };
  std::array<char, 8> text;
  std::snprintf(text.data(), text.size(), "#%02x%02x%02x", mix(&Colour::red), mix(&Colour::green),
                mix(&Colour::blue));
  return text.data();
}

std::string viridis(std::size_t shade) {
  const double at = static_cast<double>(std::min(shade, kShades - 1)) / (kShades - 1) *
                    static_cast<double>(kStops.size() - 1);
  const std::size_t stop = std::min(static_cast<std::size_t>(at), kStops.size() - 2);
  return between(kStops[stop], kStops[stop + 1], at - static_cast<double>(stop));
}

}  // namespace azimuth::pictures
