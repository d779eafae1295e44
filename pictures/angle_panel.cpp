#include <algorithm>
#include <string>
#include <vector>

#include "angle_series.h"
#include "line.h"
#include "panels.h"
#include "states_axis.h"

namespace azimuth::pictures {
namespace {

constexpr double kStrip = 20;  // height of the states

std::vector<RunPoint> points_of(std::span<const Observation> observations) {
  std::vector<RunPoint> points;
  for (const auto& observation : observations) points.push_back(run_point(observation));
  return points;
}

void draw_legend(Svg& svg, Point at) {
  for (const auto& series : base_and_previous()) {
    draw_sample(svg, {at.x, at.y - 4}, series);
    svg.text({at.x + 30, at.y}, series.words, "font-size=\"11.5\"");
    at.x += 48 + 6.8 * static_cast<double>(series.words.size());
  }
  draw_floor_sample(svg, {at.x, at.y - 4});
  svg.text({at.x + 30, at.y}, "noise floor", "font-size=\"11.5\"");
}

}  // namespace

bool has_angles_or_states(std::span<const Observation> observations) {
  return !numbers_of(points_of(observations), base_and_previous(), false).empty() ||
         std::ranges::any_of(observations,
                             [](const auto& o) { return o.state != State::unspecified; });
}

void draw_angles(Svg& svg, const Box& room, std::span<const Observation> observations) {
  const auto points = points_of(observations);
  const auto both = base_and_previous();
  const Box box = {room.left, room.top + 56, room.right, room.bottom - 96};
  const Scale x = step_scale(points, box);
  const Scale y = Scale::degrees(numbers_of(points, both, true), box.bottom - 6, box.top);
  draw_axes(
      svg, box,
      {"Turn of the high-norm direction", "optimizer step", "angle", room.top + 12, kStrip + 2}, x,
      y);
  draw_legend(svg, {room.left, room.top + 34});
  draw_thresholds(svg, box, y);
  for (const auto& series : both) draw_series(svg, box, x, y, points, series);
  if (numbers_of(points, both, false).empty()) draw_no_angles(svg, box, points);
  std::vector<StateAt> states;
  for (const auto& point : points) states.push_back({point.step, point.state});
  const StatesAxis axis({box.left, box.bottom + 1, box.right, box.bottom + 1 + kStrip}, x, states);
  axis.draw(svg);
  axis.draw_key(svg, {box.left, room.bottom - 12});
}

}  // namespace azimuth::pictures
