#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>

#include "azimuth/pictures.h"
#include "azimuth/utf8.h"
#include "colour_map.h"
#include "panels.h"

namespace azimuth {
namespace {

using pictures::between;
using pictures::Box;
using pictures::Colour;
using pictures::Point;
using pictures::Svg;
using pictures::with;

constexpr double kMargin = 24;
constexpr double kTop = 84;
constexpr double kNamesWidth = 230;
constexpr double kScaleHeight = 64;
constexpr double kMostDegrees = 90;
constexpr std::size_t kLongestName = 30;  // characters

// Dark where models share a direction; lightness alone tells the order, whatever one's eyes.
constexpr Colour kNear = {8, 48, 107};
constexpr Colour kMiddle = {66, 146, 198};
constexpr Colour kFar = {247, 251, 255};

std::string colour_of(double degrees) {
  const double part = 2 * std::clamp(degrees / kMostDegrees, 0.0, 1.0);
  return part < 1 ? between(kNear, kMiddle, part) : between(kMiddle, kFar, part - 1);
}

std::string degrees_text(double degrees) {
  std::array<char, 16> out;
  std::snprintf(out.data(), out.size(), degrees < 9.995 ? "%.2f°" : "%.1f°", degrees);
  return out.data();
}

std::string p_text(const std::vector<TestResult>& results) {
  const TestResult permutation = result_of(audit_test::coordinate_permutation, results);
  std::array<char, 24> out;
  const bool at_limit = permutation.p <= permutation.resolution;
  std::snprintf(out.data(), out.size(),
                at_limit                ? "p ≤ %.1e"
                : permutation.p < 0.001 ? "p = %.1e"
                                        : "p = %.3f",
                permutation.p);
  return out.data();
}

/// What stands where there is no angle.
std::string_view no_angle_text(const Box& cell, const Comparison& c, std::size_t at) {
  const std::size_t n = c.names.size();
  const bool absent = !c.absences[at / n].empty() || !c.absences[at % n].empty();
  return absent && cell.width() >= 56 ? "ABSENT" : "–";
}

void draw_cell(Svg& svg, const Box& cell, const Comparison& c, std::size_t at, bool diagonal) {
  const double degrees = c.degrees[at];
  const Point centre = {(cell.left + cell.right) / 2, (cell.top + cell.bottom) / 2};
  if (std::isnan(degrees)) {
    svg.box(cell, "fill=\"#eee\" stroke=\"#fff\"");
    svg.text({centre.x, centre.y + 4}, no_angle_text(cell, c, at), "text-anchor=\"middle\"");
    return;
  }
  svg.box(cell, with("fill", colour_of(degrees)) + "stroke=\"#fff\"");
  if (cell.width() < 44) return;  // no room for numbers: the colour says enough
  const std::string style =
      std::string("text-anchor=\"middle\" ") + (degrees < 60 ? "fill=\"#fff\" " : "fill=\"#222\" ");
  const bool with_p = !diagonal && cell.width() >= 72;
  svg.text({centre.x, centre.y + (with_p ? -2 : 4)}, degrees_text(degrees),
           style + "font-weight=\"bold\"");
  if (with_p) svg.text({centre.x, centre.y + 14}, p_text(c.tests[at]), style + "font-size=\"10\"");
}

void draw_scale(Svg& svg, const Box& box) {
  constexpr int kSteps = 90;
  for (int i = 0; i < kSteps; ++i) {
    const double left = box.left + box.width() * i / kSteps;
    svg.box({left, box.top, left + box.width() / kSteps + 0.5, box.bottom},
            with("fill", colour_of(kMostDegrees * (i + 0.5) / kSteps)));
  }
  for (const int degrees : {0, 30, 60, 90}) {
    svg.text({box.left + box.width() * degrees / kMostDegrees, box.bottom + 16},
             std::to_string(degrees) + "°", "text-anchor=\"middle\" font-size=\"11\"");
  }
}

/// Its end: what tells paths apart.
std::string end_of(std::string_view name) {
  const std::size_t characters = utf8_characters(name);
  if (characters <= kLongestName) return std::string(name);
  name.remove_prefix(utf8_prefix(name, characters - kLongestName).size());
  return "…" + std::string(name);
}

}  // namespace

std::string draw_comparison(const Comparison& c) {
  const std::size_t n = c.names.size();
  const double cell =
      std::clamp(640.0 / static_cast<double>(std::max<std::size_t>(n, 1)), 12.0, 96.0);
  const double side = cell * static_cast<double>(n);
  const double left = kMargin + kNamesWidth;
  const double width = left + std::max(side, 360.0) + kMargin;
  Svg svg(width, kTop + side + kScaleHeight + kMargin, "Angles between high-norm directions");
  svg.text({kMargin, 34}, "Angles between high-norm directions",
           "font-size=\"20\" font-weight=\"bold\" fill=\"#111\"");
  for (std::size_t row = 0; row < n; ++row) {
    const double top = kTop + cell * static_cast<double>(row);
    const std::string number = std::to_string(row + 1);
    if (cell >= 14) {
      svg.text({left - 10, top + cell / 2 + 4}, end_of(c.names[row]) + "  " + number,
               "text-anchor=\"end\"");
      svg.text({left + cell * (static_cast<double>(row) + 0.5), kTop - 8}, number,
               "text-anchor=\"middle\"");
    }
    for (std::size_t column = 0; column < n; ++column) {
      const double at = left + cell * static_cast<double>(column);
      draw_cell(svg, {at, top, at + cell, top + cell}, c, row * n + column, row == column);
    }
  }
  const double scale_top = kTop + side + 22;
  draw_scale(svg, {left, scale_top, left + std::min(side, 360.0), scale_top + 12});
  return std::move(svg).finish();
}

}  // namespace azimuth
