#include "angle_series.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "azimuth/thresholds.h"
#include "line.h"
#include "panels.h"

namespace azimuth::pictures {
namespace {

constexpr std::size_t kMostDots = 60;  // beyond that, lines alone, and whole ones

std::vector<std::vector<Point>> pieces(std::span<const RunPoint> points, const Scale& x,
                                       const Scale& y, std::string_view reference,
                                       double AngleObservation::*value) {
  return line_pieces(
      points,
      [&](const RunPoint& point) {
        const auto* angle = angle_to(point.angles, reference);
        return angle == nullptr ? kNotApplicable : angle->*value;
      },
      x, y);
}

}  // namespace

std::vector<AngleSeries> base_and_previous() {
  return {{"base", "to the base", colour::vermilion, "none"},
          {"previous", "to the previous snapshot", colour::blue, "6 4"}};
}

std::vector<double> numbers_of(std::span<const RunPoint> points,
                               std::span<const AngleSeries> series, bool with_floors) {
  std::vector<double> numbers;
  for (const auto& point : points) {
    for (const auto& one : series) {
      const auto* angle = angle_to(point.angles, one.reference);
      if (angle == nullptr) continue;
      if (std::isfinite(angle->degrees)) numbers.push_back(angle->degrees);
      if (with_floors && std::isfinite(angle->noise_floor_degrees)) {
        numbers.push_back(angle->noise_floor_degrees);
      }
    }
  }
  return numbers;
}

void draw_series(Svg& svg, const Box& plot, const Scale& x, const Scale& y,
                 std::span<const RunPoint> points, const AngleSeries& series) {
  for (auto piece :
       pieces(points, x, y, series.reference, &AngleObservation::noise_floor_degrees)) {
    svg.path(piece, with("stroke", series.colour) +
                        "stroke-width=\"1.6\" stroke-opacity=\"0.7\" stroke-dasharray=\"1 4\"");
    piece.push_back({piece.back().x, plot.bottom});
    piece.push_back({piece.front().x, plot.bottom});
    svg.area(piece, with("fill", series.colour) + "fill-opacity=\"0.08\"");
  }
  const bool few = points.size() <= kMostDots;
  for (const auto& piece : pieces(points, x, y, series.reference, &AngleObservation::degrees)) {
    svg.path(piece, with("stroke", series.colour) +
                        with("stroke-dasharray", few ? series.dashes : "none") +
                        (few ? "stroke-width=\"2.2\"" : "stroke-width=\"1.6\""));
    if (!few) continue;
    for (const auto& point : piece) svg.circle(point, 3, with("fill", series.colour));
  }
}

void draw_thresholds(Svg& svg, const Box& plot, const Scale& y) {
  const Thresholds t;
  const std::pair<double, const char*> lines[] = {
      {t.stable_angle, "at rest"}, {t.drift_angle, "drifting"}, {t.changed_angle, "changed"}};
  constexpr double kRoomForText = 12;
  for (const auto& [degrees, words] : lines) {
    const double at = y.at(degrees);
    if (at < plot.top + kRoomForText || at > plot.bottom) continue;
    svg.line({plot.left, at}, {plot.right, at},
             "stroke=\"#777\" stroke-width=\"1\" stroke-dasharray=\"8 4\"");
    const std::string limit = degrees == t.stable_angle ? "up to " : "beyond ";
    svg.text({plot.right - 4, at - 3}, limit + short_number(degrees) + "°: " + words,
             "text-anchor=\"end\" font-size=\"10.5\" fill=\"#777\"");
  }
}

void draw_no_angles(Svg& svg, const Box& plot, std::span<const RunPoint> points) {
  const bool absent = !points.empty() && points.back().state == State::absent;
  svg.text({(plot.left + plot.right) / 2, (plot.top + plot.bottom) / 2},
           absent ? "no angles: no token is high-norm (ABSENT)"
                  : "no angles yet: there is nothing to compare with",
           "text-anchor=\"middle\" fill=\"#777\"");
}

void draw_sample(Svg& svg, Point at, const AngleSeries& series) {
  svg.path({at, {at.x + 24, at.y}}, with("stroke", series.colour) +
                                        with("stroke-dasharray", series.dashes) +
                                        "stroke-width=\"2.2\"");
  svg.circle({at.x + 12, at.y}, 3, with("fill", series.colour));
}

void draw_floor_sample(Svg& svg, Point at) {
  svg.box({at.x, at.y, at.x + 24, at.y + 6}, with("fill", colour::dark) + "fill-opacity=\"0.1\"");
  svg.path({at, {at.x + 24, at.y}},
           with("stroke", colour::dark) + "stroke-width=\"1.6\" stroke-dasharray=\"1 4\"");
}

}  // namespace azimuth::pictures
