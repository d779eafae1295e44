#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "panels.h"

namespace azimuth::pictures {
namespace {

struct Curve {
  const char* words;
  std::string_view colour;
  const char* dashes;
  double (*angle)(const BlockObservation&);
};

constexpr Curve kCurves[] = {
    {"singular direction to the block's direction", colour::blue, "none",
     [](const BlockObservation& b) { return b.singular.angle_to_block_direction; }},
    {"singular direction to the primary direction", colour::orange, "5 4",
     [](const BlockObservation& b) { return b.singular.angle_to_primary; }},
};

}  // namespace

bool has_singular_directions(const Observation& o) {
  return std::ranges::any_of(o.blocks, [](const BlockObservation& block) {
    return std::isfinite(block.singular.angle_to_primary);
  });
}

void draw_singular_angles(Svg& svg, const Box& room, const Observation& o) {
  const Box box = {room.left, room.top + 90, room.right, room.bottom - 52};
  double last_block = 1;
  for (const auto& block : o.blocks) last_block = std::max(last_block, double(block.block));
  const Scale x = Scale::linear(0, last_block, box.left + 8, box.right - 12, true);
  const Scale y = Scale::linear(0, 90, box.bottom, box.top);
  draw_stages(svg, box, x, o);
  draw_axes(svg, box,
            {"Singular directions of the blocks", "block", "angle, degrees", room.top + 12, 0}, x,
            y);
  Point key = {room.left, room.top + 34};
  for (const Curve& curve : kCurves) {
    const std::string style = with("stroke", curve.colour) +
                              with("stroke-dasharray", curve.dashes) + "stroke-width=\"2.2\"";
    svg.path({{key.x, key.y - 4}, {key.x + 24, key.y - 4}}, style);
    svg.text({key.x + 30, key.y}, curve.words, "font-size=\"11.5\"");
    key.y += 18;
    std::vector<Point> points;
    const auto flush = [&] {
      svg.path(points, style);
      for (const Point& point : points) svg.circle(point, 3, with("fill", curve.colour));
      points.clear();
    };
    for (const auto& block : o.blocks) {
      const double angle = curve.angle(block);
      if (std::isfinite(angle)) {
        points.push_back({x.at(block.block), y.at(angle)});
      } else {
        flush();
      }
    }
    flush();
  }
}

}  // namespace azimuth::pictures
