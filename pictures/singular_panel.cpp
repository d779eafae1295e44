#include <algorithm>
#include <cmath>

#include "panels.h"

namespace azimuth::pictures {
namespace {

struct Curve {
  AngleStyle style;
  double (*angle)(const BlockObservation&);
};

constexpr Curve kCurves[] = {
    {{"singular direction to the block's direction", colour::blue},
     [](const BlockObservation& b) { return b.singular.angle_to_block_direction; }},
    {{"singular direction to the primary direction", colour::orange, "5 4"},
     [](const BlockObservation& b) { return b.singular.angle_to_primary; }},
};

}  // namespace

bool has_singular_directions(const Observation& o) {
  return std::ranges::any_of(o.blocks, [](const BlockObservation& block) {
    return std::isfinite(block.singular.angle_to_primary);
  });
}

void draw_singular_angles(Svg& svg, const Box& room, const Observation& o) {
  BlockAngles panel(svg, room, o, "Singular directions of the blocks", last_block(o.blocks));
  for (const Curve& curve : kCurves) panel.curve(curve.style, angles_of(o.blocks, curve.angle));
}

}  // namespace azimuth::pictures
