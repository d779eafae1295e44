#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "azimuth/pictures.h"
#include "chart.h"
#include "colour_map.h"
#include "panels.h"

namespace azimuth {
namespace {

using namespace pictures;

constexpr double kPlot = 340;  // of a side
constexpr double kPlotTop = 12;
constexpr double kPlotLeft = 60;
constexpr double kTicks = 4;

/// Indices are whole, and too large for three digits.
std::string tick(double value) {
  return std::abs(value) >= 100 ? std::to_string(std::llround(value)) : short_number(value);
}

/// A square with an axis of numbers on two sides.
class SquarePlot {
 public:
  SquarePlot(std::string_view title, double x_least, double x_most, double y_least, double y_most)
      : svg_(kChartWidth, kPlotTop + kPlot + kBelowPlot, title),
        x_(x_least),
        x_range_(x_most > x_least ? x_most - x_least : 1),
        y_(y_least),
        y_range_(y_most > y_least ? y_most - y_least : 1) {
    svg_.box({kPlotLeft, kPlotTop, kPlotLeft + kPlot, kPlotTop + kPlot},
             "fill=\"none\" stroke=\"#888\"");
  }

  Point at(double x, double y) const {
    return {kPlotLeft + kPlot * (x - x_) / x_range_, kPlotTop + kPlot * (1 - (y - y_) / y_range_)};
  }

  void axes(std::string_view below, std::string_view beside) {
    for (int i = 0; i <= static_cast<int>(kTicks); ++i) {
      const double x = x_ + x_range_ * i / kTicks;
      const double y = y_ + y_range_ * i / kTicks;
      svg_.text({at(x, y_).x, kPlotTop + kPlot + 16}, tick(x),
                "text-anchor=\"middle\" font-size=\"11\"");
      svg_.text({kPlotLeft - 6, at(x_, y).y + 4}, tick(y), "text-anchor=\"end\" font-size=\"11\"");
    }
    svg_.text({kPlotLeft + kPlot / 2, kPlotTop + kPlot + 36}, below,
              "text-anchor=\"middle\" fill=\"#777\"");
    const std::string turn = "transform=\"rotate(-90 14 " +
                             std::to_string(static_cast<int>(kPlotTop + kPlot / 2)) +
                             ")\" text-anchor=\"middle\" fill=\"#777\"";
    svg_.text({14, kPlotTop + kPlot / 2}, beside, turn);
  }

  Svg& svg() { return svg_; }
  std::string finish() && { return std::move(svg_).finish(); }

 private:
  Svg svg_;
  double x_, x_range_, y_, y_range_;
};

void dots(SquarePlot& plot, const std::vector<Point>& points, double radius) {
  std::vector<Box> boxes;
  for (const Point& point : points) {
    const Point at = plot.at(point.x, point.y);
    boxes.push_back({at.x - radius, at.y - radius, at.x + radius, at.y + radius});
  }
  plot.svg().boxes(boxes, "fill=\"#0072b2\" fill-opacity=\"0.6\"");
}

}  // namespace

std::string draw_matching(const OrderTest& test) {
  constexpr const char* kTitle = "Order of the matches";
  if (test.pairs.empty()) return empty_chart(kTitle, "There is no match.");
  double most_base = 1;
  double most_release = 1;
  std::vector<Point> points;
  for (const RowPair& pair : test.pairs) {
    points.push_back({static_cast<double>(pair.base), static_cast<double>(pair.release)});
    most_base = std::max(most_base, points.back().x);
    most_release = std::max(most_release, points.back().y);
  }
  // So that ticks are whole.
  const auto up = [](double index) { return std::ceil(index / kTicks) * kTicks; };
  SquarePlot plot(kTitle, 0, up(most_base), 0, up(most_release));
  plot.axes("in the base, of those looked at", "in the release");
  dots(plot, points, 1.6);
  return std::move(plot).finish();
}

std::string draw_block_pairs(std::span<const BlockPair> pairs) {
  constexpr const char* kTitle = "Blocks of the base in blocks of the release";
  if (pairs.empty()) return empty_chart(kTitle, "No blocks were compared.");
  std::set<std::int64_t> bases;
  std::int64_t releases = 1;
  for (const BlockPair& pair : pairs) {
    bases.insert(pair.base_block);
    releases = std::max(releases, pair.release_block);
  }
  constexpr double kRow = 26;
  const double bottom = kPlotTop + kRow * static_cast<double>(bases.size());
  const double width = kChartRight - kPlotLeft;
  Svg svg(kChartWidth, bottom + kBelowPlot, kTitle);
  constexpr Colour kNone = {240, 243, 246};
  constexpr Colour kAll = {8, 69, 148};
  const auto column = [&](std::int64_t block) {
    return kPlotLeft + width * static_cast<double>(block - 1) / static_cast<double>(releases);
  };
  for (const BlockPair& pair : pairs) {
    const auto row = static_cast<double>(std::distance(bases.begin(), bases.find(pair.base_block)));
    const double part =
        std::isnan(pair.share)
            ? static_cast<double>(pair.in_order) / std::max(1.0, static_cast<double>(pair.matched))
            : pair.share;
    svg.box({column(pair.release_block), kPlotTop + kRow * row, column(pair.release_block + 1),
             kPlotTop + kRow * (row + 1)},
            with("fill", between(kNone, kAll, std::clamp(part, 0.0, 1.0))) + "stroke=\"#fff\"");
  }
  double row = 0;
  for (const std::int64_t base : bases) {
    svg.text({kPlotLeft - 6, kPlotTop + kRow * row + kRow / 2 + 4}, std::to_string(base),
             "text-anchor=\"end\" font-size=\"11\"");
    ++row;
  }
  const std::int64_t step = std::max<std::int64_t>(1, (releases + 9) / 10);
  for (std::int64_t block = 1; block <= releases; block += step) {
    svg.text({(column(block) + column(block + 1)) / 2, bottom + 16}, std::to_string(block),
             "text-anchor=\"middle\" font-size=\"11\"");
  }
  svg.text({kPlotLeft + width / 2, bottom + 36}, "block of the release",
           "text-anchor=\"middle\" fill=\"#777\"");
  return std::move(svg).finish();
}

std::string draw_vocabulary(std::span<const VocabularyPoint> vocabulary) {
  constexpr const char* kTitle = "Embeddings along the high-norm direction";
  if (vocabulary.empty()) {
    return empty_chart(kTitle,
                       "Not both models have a high-norm direction, or no token in common.");
  }
  double most = 0;
  std::vector<Point> points;
  for (const VocabularyPoint& point : vocabulary) {
    points.push_back({double{point.base}, double{point.release}});
    most = std::max({most, std::abs(points.back().x), std::abs(points.back().y)});
  }
  SquarePlot plot(kTitle, -most, most, -most, most);
  plot.axes("cosine in the base", "cosine in the release");
  dots(plot, points, 1.2);
  return std::move(plot).finish();
}

}  // namespace azimuth
