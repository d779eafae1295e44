#include "line.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace azimuth::pictures {
namespace {

constexpr double kColumn = 1.5;  // pixels

/// The points of one column of pixels.
class Column {
 public:
  void add(Point point) {
    if (!std::isfinite(point.y)) return;
    if (!any_) low_ = high_ = point;
    any_ = true;
    if (point.y < low_.y) low_ = point;
    if (point.y > high_.y) high_ = point;
  }

  /// In their order; false if there is none.
  bool append_to(std::vector<Point>& line) const {
    if (!any_) return false;
    const bool low_first = low_.x <= high_.x;
    line.push_back(low_first ? low_ : high_);
    if (low_.y != high_.y) line.push_back(low_first ? high_ : low_);
    return true;
  }

 private:
  bool any_ = false;
  Point low_;
  Point high_;
};

}  // namespace

std::vector<std::vector<Point>> line_pieces(std::span<const RunPoint> points,
                                            const std::function<double(const RunPoint&)>& number,
                                            const Scale& x, const Scale& y) {
  std::vector<std::vector<Point>> pieces;
  std::vector<Point> piece;
  const auto cut = [&] {
    if (!piece.empty()) pieces.push_back(std::move(piece));
    piece.clear();
  };
  Column column;
  double column_starts = -std::numeric_limits<double>::infinity();
  const auto close_column = [&] {
    if (!column.append_to(piece)) cut();
    column = {};
  };
  const RunPoint* before = nullptr;
  for (const RunPoint& point : points) {
    const double at = x.at(static_cast<double>(point.step));
    const bool back = before != nullptr && point.step <= before->step;
    if (back || at >= column_starts + kColumn) {
      close_column();
      column_starts = at;
    }
    if (back) cut();
    const double value = number(point);
    column.add({at, std::isfinite(value) ? y.at(value) : kNotApplicable});
    before = &point;
  }
  close_column();
  cut();
  return pieces;
}

Scale step_scale(std::span<const RunPoint> points, const Box& plot) {
  const auto [first, last] = std::ranges::minmax(points, {}, &RunPoint::step);
  return Scale::linear(static_cast<double>(first.step), static_cast<double>(last.step),
                       plot.left + 8, plot.right - 12, true);
}

}  // namespace azimuth::pictures
