#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "azimuth/thresholds.h"
#include "panels.h"

namespace azimuth::pictures {
namespace {

struct TextCurve {
  const char* words;
  std::string_view colour;
  const char* dashes;
  double (*angle)(const TextBlock&);
};

constexpr TextCurve kTextCurves[] = {
    {"high-norm states on text to the direction from weights", colour::green, "none",
     [](const TextBlock& b) { return b.angle_to_weights; }},
    {"empirical direction to the singular direction", colour::blue, "5 4",
     [](const TextBlock& b) { return b.singular_angle; }},
};

void key(Svg& svg, Point& at, const std::string& style, std::string_view words) {
  svg.path({{at.x, at.y - 4}, {at.x + 24, at.y - 4}}, style);
  svg.text({at.x + 30, at.y}, words, "font-size=\"11.5\"");
  at.y += 18;
}

bool drawable(double ratio) { return std::isfinite(ratio) && ratio > 0; }

}  // namespace

void draw_text_angles(Svg& svg, const Box& room, const Observation& o) {
  const Box box = {room.left, room.top + 90, room.right, room.bottom - 52};
  const std::vector<TextBlock>& blocks = o.text->blocks;
  double last_block = 1;
  for (const TextBlock& block : blocks) last_block = std::max(last_block, double(block.block));
  const Scale x = Scale::linear(0, last_block, box.left + 8, box.right - 12, true);
  const Scale y = Scale::linear(0, 90, box.bottom, box.top);
  draw_stages(svg, box, x, o);
  draw_axes(svg, box, {"On text: directions by block", "block", "angle, degrees", room.top + 12, 0},
            x, y);
  Point at = {room.left, room.top + 34};
  for (const TextCurve& curve : kTextCurves) {
    const std::string style = with("stroke", curve.colour) +
                              with("stroke-dasharray", curve.dashes) + "stroke-width=\"2.2\"";
    key(svg, at, style, curve.words);
    std::vector<Point> points;
    const auto flush = [&] {
      svg.path(points, style);
      for (const Point& point : points) svg.circle(point, 3, with("fill", curve.colour));
      points.clear();
    };
    for (const TextBlock& block : blocks) {
      const double angle = curve.angle(block);
      if (std::isfinite(angle)) {
        points.push_back({x.at(block.block), y.at(angle)});
      } else {
        flush();
      }
    }
    flush();
  }
  bool eigen = false;
  for (const TextBlock& block : blocks) {
    if (!std::isfinite(block.eigen_angle)) continue;
    eigen = true;
    svg.circle({x.at(block.block), y.at(block.eigen_angle)}, 5,
               "fill=\"none\" stroke-width=\"2.2\" " + with("stroke", colour::vermilion));
  }
  if (!eigen) return;
  svg.circle({at.x + 12, at.y - 4}, 5,
             "fill=\"none\" stroke-width=\"2.2\" " + with("stroke", colour::vermilion));
  svg.text({at.x + 30, at.y}, "empirical direction to the eigenvector at decay",
           "font-size=\"11.5\"");
}

void draw_text_tokens(Svg& svg, const Box& room, const Observation& o) {
  const Box box = {room.left, room.top + 90, room.right, room.bottom - 52};
  std::vector<double> alone = {1, Thresholds().high_norm_ratio};
  std::vector<double> seen = alone;
  for (const TextToken& token : o.text->other_tokens) {
    if (!drawable(token.ratio_alone) || !drawable(token.peak_ratio)) continue;
    alone.push_back(token.ratio_alone);
    seen.push_back(token.peak_ratio);
  }
  const Scale x = Scale::decades(alone, box.left, box.right - 12);
  const Scale y = Scale::decades(seen, box.bottom, box.top);
  draw_axes(
      svg, box,
      {"Tokens that are not initial: weights and text", "largest norm ratio without attention",
       "largest norm ratio on text", room.top + 12, 0},
      x, y);
  const double high = Thresholds().high_norm_ratio;
  constexpr const char* kThreshold = "stroke=\"#999\" stroke-dasharray=\"4 4\"";
  svg.line({x.at(high), box.top}, {x.at(high), box.bottom}, kThreshold);
  svg.line({box.left, y.at(high)}, {box.right, y.at(high)}, kThreshold);
  Point at = {room.left, room.top + 34};
  const auto entry = [&](std::string_view shade, std::string_view words) {
    svg.circle({at.x + 12, at.y - 4}, 4, with("fill", shade));
    svg.text({at.x + 30, at.y}, words, "font-size=\"11.5\"");
    at.y += 18;
  };
  entry(colour::vermilion, "high-norm on text; dashed: where high-norm begins");
  entry(colour::blue, "by itself alone: attention keeps away what it explodes by");
  if (o.text->other_tokens.empty()) {
    svg.text({(box.left + box.right) / 2, (box.top + box.bottom) / 2},
             "no token is high-norm but initial ones", "text-anchor=\"middle\" fill=\"#777\"");
  }
  for (const TextToken& token : o.text->other_tokens) {
    if (!drawable(token.ratio_alone) || !drawable(token.peak_ratio)) continue;
    svg.circle({x.at(token.ratio_alone), y.at(token.peak_ratio)}, 3,
               with("fill", token.high_norm > 0 ? colour::vermilion : colour::blue) +
                   "fill-opacity=\"0.6\"");
  }
}

}  // namespace azimuth::pictures
