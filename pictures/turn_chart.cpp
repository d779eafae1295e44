#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <vector>

#include "angle_series.h"
#include "azimuth/run_charts.h"
#include "chart.h"
#include "line.h"
#include "panels.h"
#include "states_axis.h"

namespace azimuth {
namespace pictures {
namespace {

constexpr std::string_view kTitle = "Turn of the high-norm direction by step";
constexpr double kPlotHeight = 210;
constexpr double kStrip = 18;    // height of the states
constexpr double kMarksGap = 3;  // pixels between events that can be told apart
constexpr double kMarkSize = 4;

struct Look {
  std::string_view colour;
  std::string_view dashes;
};
constexpr Look kNamed[] = {
    {colour::green, "2 3"}, {colour::orange, "9 3 2 3"}, {"#cc79a7", "1 5"}, {colour::sky, "12 4"}};

/// The base, the previous snapshot, and the first names that occur.
std::vector<AngleSeries> series_of(std::span<const RunPoint> points) {
  std::vector<AngleSeries> all = base_and_previous();
  const std::size_t unnamed = all.size();
  for (const RunPoint& point : points) {
    for (const AngleObservation& angle : point.angles) {
      if (all.size() == unnamed + std::size(kNamed)) return all;
      if (std::ranges::find(all, angle.reference, &AngleSeries::reference) != all.end()) continue;
      const Look& look = kNamed[all.size() - unnamed];
      all.push_back({angle.reference, "to " + angle.reference, look.colour, look.dashes});
    }
  }
  return all;
}

Legend legend_of(const std::vector<AngleSeries>& series, bool with_events) {
  Legend legend;
  for (const AngleSeries& one : series) {
    legend.add(one.words, [one](Svg& svg, Point at) { draw_sample(svg, at, one); });
  }
  legend.add("noise floor", draw_floor_sample);
  if (!with_events) return legend;
  legend.add("event", [](Svg& svg, Point at) {
    svg.circle({at.x + 12, at.y}, kMarkSize, with("fill", colour::dark));
  });
  return legend;
}

void draw_events(Svg& svg, const Box& plot, const Scale& x, std::span<const EventMark> events) {
  // Of events at one place the severe one is shown.
  std::vector<EventMark> sorted(events.begin(), events.end());
  std::ranges::stable_sort(sorted, {}, &EventMark::step);
  for (std::size_t i = 0; i < sorted.size();) {
    const double at = x.at(static_cast<double>(sorted[i].step));
    bool severe = false;
    for (; i < sorted.size() && x.at(static_cast<double>(sorted[i].step)) < at + kMarksGap; ++i) {
      severe = severe || sorted[i].severe;
    }
    if (at < plot.left || at > plot.right) continue;
    const auto shade = severe ? colour::vermilion : colour::dark;
    svg.line({at, plot.top}, {at, plot.bottom},
             with("stroke", shade) + "stroke-opacity=\"0.5\" stroke-dasharray=\"2 4\"");
    svg.circle({at, plot.top}, kMarkSize, with("fill", shade));
  }
}

}  // namespace
}  // namespace pictures

RunPoint run_point(const Observation& observation) {
  RunPoint point;
  point.step = observation.step;
  point.state = observation.state;
  point.loss = observation.loss;
  point.overhead_ratio = observation.cost.overhead_ratio;
  point.angles = observation.angles;
  for (const BlockObservation& block : observation.blocks) {
    double largest = kNotApplicable;
    for (const double norm : block.norms) {
      if (std::isnan(largest) || norm > largest) largest = norm;
    }
    point.norms.push_back(static_cast<float>(largest));
  }
  return point;
}

std::string draw_turns(std::span<const RunPoint> points, std::span<const EventMark> events) {
  using namespace pictures;
  if (points.empty()) return empty_chart(kTitle, "no observations");
  const auto series = series_of(points);
  const auto numbers = numbers_of(points, series, true);
  const Legend legend = legend_of(series, !events.empty());
  const Box plot = {kChartLeft, legend.height(), kChartRight, legend.height() + kPlotHeight};
  const Box strip = {plot.left, plot.bottom + 1, plot.right, plot.bottom + 1 + kStrip};
  const double key_y = strip.bottom + kBelowPlot + 14;
  Svg svg(kChartWidth, key_y + 8, kTitle);
  const Scale x = step_scale(points, plot);
  const Scale y = Scale::degrees(numbers, plot.bottom - 6, plot.top + 10);
  draw_axes(svg, plot, {"", "optimizer step", "", 0, kStrip + 2}, x, y);
  legend.draw(svg);
  draw_thresholds(svg, plot, y);
  draw_events(svg, plot, x, events);
  for (const AngleSeries& one : series) draw_series(svg, plot, x, y, points, one);
  if (numbers.empty()) draw_no_angles(svg, plot, points);
  std::vector<StateAt> states;
  for (const RunPoint& point : points) states.push_back({point.step, point.state});
  const StatesAxis axis(strip, x, std::move(states));
  axis.draw(svg);
  axis.draw_key(svg, {plot.left, key_y});
  return std::move(svg).finish();
}

}  // namespace azimuth
