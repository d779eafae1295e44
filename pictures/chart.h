#pragma once

#include <functional>
#include <string>
#include <vector>

#include "svg.h"

namespace azimuth::pictures {

/// What the charts of a run have in common, so that they stand above each other in line.
inline constexpr double kChartWidth = 420;
inline constexpr double kChartLeft = 48;  // of the plot
inline constexpr double kChartRight = kChartWidth - 10;
inline constexpr double kBelowPlot = 46;  // for the labels and the title of the x axis

/// The words beside samples of lines, in as many rows as they need.
class Legend {
 public:
  using Sample = std::function<void(Svg&, Point)>;  ///< draws at the left end, 24 wide

  void add(std::string words, Sample sample);
  double height() const;
  void draw(Svg& svg) const;

 private:
  struct Entry {
    Point at;
    std::string words;
    Sample sample;
  };

  std::vector<Entry> entries_;
  Point next_ = {kChartLeft, 16};
};

/// A chart that has nothing to show but `why`.
std::string empty_chart(std::string_view title, std::string_view why);

}  // namespace azimuth::pictures
