#include <algorithm>
#include <cmath>
#include <string>

#include "panels.h"

namespace azimuth::pictures {

BlockAngles::BlockAngles(Svg& svg, const Box& room, const Observation& o, std::string_view title,
                         std::int32_t last_block)
    : svg_(svg),
      x_(Scale::linear(0, std::max(last_block, 1), room.left + 8, room.right - 12, true)),
      y_(Scale::linear(0, 90, room.bottom - 52, room.top + 90)),
      key_{room.left, room.top + 34} {
  const Box box = {room.left, room.top + 90, room.right, room.bottom - 52};
  draw_stages(svg, box, x_, o);
  draw_axes(svg, box, {title, "block", "angle, degrees", room.top + 12, 0}, x_, y_);
}

void BlockAngles::curve(const AngleStyle& style, std::span<const BlockAngle> angles) {
  const std::string line = with("stroke", style.colour) + with("stroke-dasharray", style.dashes) +
                           "stroke-width=\"2.2\"";
  svg_.path({{key_.x, key_.y - 4}, {key_.x + 24, key_.y - 4}}, line);
  words(style.words);
  std::vector<Point> points;
  const auto flush = [&] {
    svg_.path(points, line);
    for (const Point& point : points) svg_.circle(point, 3, with("fill", style.colour));
    points.clear();
  };
  for (const BlockAngle& angle : angles) {
    if (std::isfinite(angle.degrees)) {
      points.push_back({x_.at(angle.block), y_.at(angle.degrees)});
    } else {
      flush();
    }
  }
  flush();
}

void BlockAngles::rings(const AngleStyle& style, std::span<const BlockAngle> angles) {
  const std::string ring = "fill=\"none\" stroke-width=\"2.2\" " + with("stroke", style.colour);
  bool any = false;
  for (const BlockAngle& angle : angles) {
    if (!std::isfinite(angle.degrees)) continue;
    any = true;
    svg_.circle({x_.at(angle.block), y_.at(angle.degrees)}, 5, ring);
  }
  if (!any) return;
  svg_.circle({key_.x + 12, key_.y - 4}, 5, ring);
  words(style.words);
}

void BlockAngles::words(std::string_view words) {
  svg_.text({key_.x + 30, key_.y}, words, "font-size=\"11.5\"");
  key_.y += 18;
}

}  // namespace azimuth::pictures
