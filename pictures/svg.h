#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "azimuth/escaped.h"

namespace azimuth::pictures {

struct Point {
  double x = 0;
  double y = 0;
};

struct Box {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;

  double width() const { return right - left; }
  double height() const { return bottom - top; }
};

/// A number with three significant digits.
std::string short_number(double value);

/// An SVG in the making. `attributes` are written as they are; texts are escaped.
class Svg {
 public:
  Svg(double width, double height, std::string_view title);

  void line(Point from, Point to, std::string_view attributes);
  void box(const Box& box, std::string_view attributes);
  /// An open line through `points`; a single one becomes a dot by round line caps.
  void path(const std::vector<Point>& points, std::string_view attributes);
  void area(const std::vector<Point>& outline, std::string_view attributes);
  /// All in one element: a large number of them takes little room.
  void boxes(const std::vector<Box>& boxes, std::string_view attributes);
  void circle(Point centre, double radius, std::string_view attributes);
  void text(Point at, std::string_view text, std::string_view attributes = "");

  std::string finish() &&;

 private:
  std::string out_;
};

}  // namespace azimuth::pictures
