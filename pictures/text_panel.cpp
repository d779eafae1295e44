#include <cmath>
#include <string_view>
#include <vector>

#include "azimuth/thresholds.h"
#include "panels.h"

namespace azimuth::pictures {
namespace {

struct TextCurve {
  AngleStyle style;
  double (*angle)(const TextBlock&);
};

constexpr TextCurve kTextCurves[] = {
    {{"high-norm states on text to the direction from weights", colour::green},
     [](const TextBlock& b) { return b.angle_to_weights; }},
    {{"empirical direction to the singular direction", colour::blue, "5 4"},
     [](const TextBlock& b) { return b.singular_angle; }},
};
constexpr TextCurve kEigenvectors = {
    {"empirical direction to the eigenvector at decay", colour::vermilion},
    [](const TextBlock& b) { return b.eigen_angle; }};

bool positive(double ratio) { return std::isfinite(ratio) && ratio > 0; }

}  // namespace

void draw_text_angles(Svg& svg, const Box& room, const Observation& o) {
  const std::vector<TextBlock>& blocks = o.text->blocks;
  BlockAngles panel(svg, room, o, "On text: directions by block", last_block(blocks));
  for (const TextCurve& curve : kTextCurves)
    panel.curve(curve.style, angles_of(blocks, curve.angle));
  panel.rings(kEigenvectors.style, angles_of(blocks, kEigenvectors.angle));
}

void draw_text_tokens(Svg& svg, const Box& room, const Observation& o) {
  const Box box = {room.left, room.top + 90, room.right, room.bottom - 52};
  std::vector<double> alone = {1, Thresholds().high_norm_ratio};
  std::vector<double> seen = alone;
  for (const TextToken& token : o.text->other_tokens) {
    if (!positive(token.ratio_alone) || !positive(token.peak_ratio)) continue;
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
    if (!positive(token.ratio_alone) || !positive(token.peak_ratio)) continue;
    svg.circle({x.at(token.ratio_alone), y.at(token.peak_ratio)}, 3,
               with("fill", token.high_norm > 0 ? colour::vermilion : colour::blue) +
                   "fill-opacity=\"0.6\"");
  }
}

}  // namespace azimuth::pictures
