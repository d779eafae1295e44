#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "azimuth/run_charts.h"
#include "chart.h"
#include "line.h"
#include "panels.h"

namespace azimuth {
namespace pictures {
namespace {

constexpr double kTop = 14;
constexpr double kPlotHeight = 110;

struct LineChart {
  std::string_view title;
  std::string_view empty;
  std::string_view colour;
  bool from_zero = false;
  std::function<double(const RunPoint&)> number;
};

/// What a double can still be compared with.
double drawable(double number) { return std::abs(number) < 1e100 ? number : kNotApplicable; }

std::string draw(std::span<const RunPoint> points, const LineChart& chart) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const RunPoint& point : points) {
    const double number = chart.number(point);
    if (!std::isfinite(number)) continue;
    low = std::min(low, number);
    high = std::max(high, number);
  }
  if (low > high) return empty_chart(chart.title, chart.empty);
  const double margin = high > low ? 0.06 * (high - low) : std::max(0.1 * std::abs(high), 1e-9);
  const Box plot = {kChartLeft, kTop, kChartRight, kTop + kPlotHeight};
  const Scale x = step_scale(points, plot);
  const Scale y =
      Scale::linear(chart.from_zero ? 0 : low - margin, high + margin, plot.bottom, plot.top);
  Svg svg(kChartWidth, plot.bottom + kBelowPlot, chart.title);
  draw_axes(svg, plot, {"", "optimizer step", "", 0, 0}, x, y);
  for (const auto& piece : line_pieces(points, chart.number, x, y)) {
    svg.path(piece, with("stroke", chart.colour) + "stroke-width=\"1.8\"");
  }
  return std::move(svg).finish();
}

}  // namespace
}  // namespace pictures

std::string draw_overhead(std::span<const RunPoint> points) {
  using namespace pictures;
  return draw(points,
              {"Cost of watching, per cent of the machine", "no costs to show", colour::blue, true,
               [](const RunPoint& point) { return drawable(100 * point.overhead_ratio); }});
}

std::string draw_loss(std::span<const RunPoint> points) {
  using namespace pictures;
  return draw(points, {"Training loss by step", "the training program gave no loss", colour::blue,
                       false, [](const RunPoint& point) { return drawable(point.loss); }});
}

}  // namespace azimuth
