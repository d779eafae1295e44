#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/run_charts.h"
#include "scale.h"
#include "svg.h"

namespace azimuth::pictures {

/// The angles to one reference, as they are drawn.
struct AngleSeries {
  std::string reference;
  std::string words;
  std::string_view colour;
  std::string_view dashes;
};

/// To the base and to the previous snapshot.
std::vector<AngleSeries> base_and_previous();

/// All numbers of the series: what a y axis has to show.
std::vector<double> numbers_of(std::span<const RunPoint> points,
                               std::span<const AngleSeries> series, bool with_floors);

/// The line, and shaded below it what the method cannot resolve.
void draw_series(Svg& svg, const Box& plot, const Scale& x, const Scale& y,
                 std::span<const RunPoint> points, const AngleSeries& series);

/// The thresholds at which a direction counts as turned, as far as the axis shows them.
void draw_thresholds(Svg& svg, const Box& plot, const Scale& y);

/// In place of the lines, where there are none.
void draw_no_angles(Svg& svg, const Box& plot, std::span<const RunPoint> points);

/// Samples of the line, and of a noise floor, 24 wide.
void draw_sample(Svg& svg, Point at, const AngleSeries& series);
void draw_floor_sample(Svg& svg, Point at);

}  // namespace azimuth::pictures
