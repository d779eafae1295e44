#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "azimuth/run_charts.h"
#include "chart.h"
#include "colour_map.h"
#include "line.h"
#include "panels.h"

namespace azimuth {
namespace pictures {
namespace {

constexpr std::string_view kTitle = "Largest norm by block and step";
constexpr double kTop = 34;         // for the scale of the colours
constexpr double kColumn = 2.5;     // pixels, at least
constexpr std::size_t kRows = 240;  // at most
constexpr double kScaleLeft = 150;

/// Neighbouring observations, as one column of cells.
struct Column {
  double left = 0;
  double right = 0;
  std::vector<float> norms;  ///< by row, the largest; NaN where there is none
};

float larger(float a, float b) {
  if (!std::isfinite(b) || b <= 0) return a;
  return a >= b ? a : b;  // `a` may be NaN
}

std::size_t blocks_of(std::span<const RunPoint> points) {
  std::size_t blocks = 0;
  for (const RunPoint& point : points) blocks = std::max(blocks, point.norms.size());
  return blocks;
}

std::vector<Column> columns_of(std::span<const RunPoint> points, const Box& plot, const Scale& x,
                               std::size_t blocks) {
  const std::size_t rows = std::min(blocks, kRows);
  std::vector<Column> columns;
  double starts = 0;
  double before = 0;
  for (const RunPoint& point : points) {
    const double at = x.at(static_cast<double>(point.step));
    if (columns.empty() || at >= starts + kColumn) {
      const double edge = columns.empty() ? plot.left : (before + at) / 2;
      if (!columns.empty()) columns.back().right = edge;
      columns.push_back({edge, plot.right, std::vector<float>(rows, NAN)});
      starts = at;
    }
    for (std::size_t block = 0; block < point.norms.size(); ++block) {
      float& cell = columns.back().norms[block * rows / blocks];
      cell = larger(cell, point.norms[block]);
    }
    before = at;
  }
  return columns;
}

/// From the logarithms of norms to shades.
struct Shading {
  double low = INFINITY;
  double high = -INFINITY;

  explicit Shading(const std::vector<Column>& columns) {
    for (const Column& column : columns) {
      for (const float norm : column.norms) {
        if (std::isnan(norm)) continue;
        low = std::min(low, std::log10(static_cast<double>(norm)));
        high = std::max(high, std::log10(static_cast<double>(norm)));
      }
    }
  }
  bool empty() const { return low > high; }
  std::size_t shade(float norm) const {
    if (high == low) return 0;
    const double part = (std::log10(static_cast<double>(norm)) - low) / (high - low);
    return std::min(static_cast<std::size_t>(part * kShades), kShades - 1);
  }
};

void draw_cells(Svg& svg, const Box& plot, const std::vector<Column>& columns,
                const Shading& shading) {
  const std::size_t rows = columns.front().norms.size();
  const double height = plot.height() / static_cast<double>(rows);
  std::array<std::vector<Box>, kShades> cells;
  for (std::size_t row = 0; row < rows; ++row) {
    const double bottom = plot.bottom - height * static_cast<double>(row);
    std::size_t before = kShades;  // none
    for (const Column& column : columns) {
      if (std::isnan(column.norms[row])) {
        before = kShades;
        continue;
      }
      const std::size_t shade = shading.shade(column.norms[row]);
      if (shade == before) {
        cells[shade].back().right = column.right;
      } else {
        cells[shade].push_back({column.left, bottom - height, column.right, bottom});
      }
      before = shade;
    }
  }
  for (std::size_t shade = 0; shade < kShades; ++shade) {
    svg.boxes(cells[shade], with("fill", viridis(shade)) + "shape-rendering=\"crispEdges\"");
  }
}

void draw_shades(Svg& svg, const Shading& shading) {
  constexpr double kTo = kChartRight - 52;
  constexpr double kStep = (kTo - kScaleLeft) / kShades;
  svg.text({kChartLeft, 17}, "norm", "font-size=\"11.5\"");
  svg.text({kScaleLeft - 6, 17}, short_number(std::pow(10, shading.low)),
           "font-size=\"11.5\" text-anchor=\"end\"");
  for (std::size_t shade = 0; shade < kShades; ++shade) {
    const double left = kScaleLeft + kStep * static_cast<double>(shade);
    svg.box({left, 7, left + kStep, 19},
            with("fill", viridis(shade)) + "shape-rendering=\"crispEdges\"");
  }
  svg.text({kTo + 6, 17}, short_number(std::pow(10, shading.high)), "font-size=\"11.5\"");
}

}  // namespace
}  // namespace pictures

std::string draw_norm_map(std::span<const RunPoint> points) {
  using namespace pictures;
  const std::size_t blocks = blocks_of(points);
  if (blocks == 0) return empty_chart(kTitle, "no norms to show");
  const double height = std::clamp(6.5 * static_cast<double>(blocks), 150.0, 320.0);
  const Box plot = {kChartLeft, kTop, kChartRight, kTop + height};
  const Scale x = step_scale(points, plot);
  const auto columns = columns_of(points, plot, x, blocks);
  const Shading shading(columns);
  if (shading.empty()) return empty_chart(kTitle, "no norms to show");
  Svg svg(kChartWidth, plot.bottom + kBelowPlot, kTitle);
  // A cell's middle is its block.
  const double half = plot.height() / static_cast<double>(blocks) / 2;
  const Scale y =
      Scale::linear(0, static_cast<double>(blocks) - 1, plot.bottom - half, plot.top + half, true);
  draw_axes(svg, plot, {"", "optimizer step", "block", 0, 0}, x, y);
  draw_shades(svg, shading);
  draw_cells(svg, plot, columns, shading);
  return std::move(svg).finish();
}

}  // namespace azimuth
