#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azimuth/pictures.h"
#include "panels.h"

namespace azimuth {
namespace {

using pictures::Point;
using pictures::Scale;
using pictures::Svg;
using pictures::with;

constexpr double kWide = 860;
constexpr double kNamesRight = 226;
constexpr double kSetsLeft = 240;
constexpr double kSetsRight = 660;
constexpr double kSetsTop = 92;
constexpr double kSetHeight = 28;
constexpr double kAxis = 52;
constexpr double kCurves = 300;  // height of what is below the sets

std::string share_text(const MeasuredSet& set) {
  std::array<char, 80> out;
  const bool loses = !std::isnan(set.recovered);
  std::snprintf(out.data(), out.size(), loses ? "%.4g · %.1f%% back" : "%.4g", set.perplexity,
                100 * set.recovered);
  std::string text = out.data();
  if (!set.kept.empty()) text += " · " + std::to_string(set.kept.size()) + " kept";
  return text;
}

bool is_reference(const MeasuredSet& set) {
  return set.kind == MeasuredSet::Kind::all_float ||
         set.kind == MeasuredSet::Kind::round_to_nearest;
}

std::string_view colour_of(MeasuredSet::Kind kind) {
  switch (kind) {
    case MeasuredSet::Kind::all_float:
      return pictures::colour::blue;
    case MeasuredSet::Kind::round_to_nearest:
      return pictures::colour::vermilion;
    case MeasuredSet::Kind::advised:
    case MeasuredSet::Kind::smooth_advised:
      return pictures::colour::green;
    default:
      return "#555";
  }
}

// Perplexity by the number of matrices kept: down the advice's order, and as measuring chose them.
void draw_curves(Svg& svg, double top, const QuantisationEvaluation& e) {
  struct Curve {
    std::string_view words;
    std::string_view colour;
    const std::vector<double>& perplexities;  // of one, of two
  };
  const MeasuredSet* const rounded = e.find(MeasuredSet::Kind::round_to_nearest);
  const MeasuredSet* const exact = e.find(MeasuredSet::Kind::all_float);
  if (e.order.empty() || rounded == nullptr || exact == nullptr) return;
  const Curve curves[] = {{"kept in the order of the advice", pictures::colour::green, e.order},
                          {"best found by measuring", "#555", e.greedy}};
  double least = exact->perplexity, most = rounded->perplexity;
  for (const Curve& curve : curves) {
    for (const double perplexity : curve.perplexities) {
      least = std::min(least, perplexity);
      most = std::max(most, perplexity);
    }
  }
  const pictures::Box box = {kSetsLeft, top + 40, kSetsRight, top + kCurves - kAxis};
  const double margin = 0.04 * (most - least);
  const Scale y = Scale::linear(least - margin, most + margin, box.bottom, box.top);
  const auto last = static_cast<double>(std::max(e.order.size(), e.greedy.size()));
  const Scale x = Scale::linear(0, last, box.left, box.right - 10, /*whole=*/true);
  pictures::draw_axes(svg, box, {"", "down projections kept", "perplexity"}, x, y);
  const auto level = [&](double perplexity, std::string_view colour, std::string_view dashes) {
    svg.line({box.left, y.at(perplexity)}, {box.right, y.at(perplexity)},
             with("stroke", colour) + with("stroke-dasharray", dashes) + "stroke-width=\"1.5\"");
  };
  level(exact->perplexity, pictures::colour::blue, "none");
  level(rounded->perplexity, pictures::colour::vermilion, "5 3");
  const double goal = rounded->perplexity - e.goal * (rounded->perplexity - exact->perplexity);
  level(goal, "#999", "2 3");
  std::array<char, 40> words;
  std::snprintf(words.data(), words.size(), "%.1f%% back", 100 * e.goal);
  svg.text({kSetsRight + 14, y.at(goal) + 4}, words.data(), "fill=\"#777\"");
  double key = box.left;
  for (const Curve& curve : curves) {
    std::vector<Point> points = {{x.at(0), y.at(rounded->perplexity)}};
    for (const double perplexity : curve.perplexities) {
      points.push_back({x.at(static_cast<double>(points.size())), y.at(perplexity)});
    }
    svg.path(points, with("stroke", curve.colour) + "stroke-width=\"1.5\"");
    for (std::size_t i = 1; i < points.size(); ++i) {
      svg.circle(points[i], 3, with("fill", curve.colour));
    }
    svg.line({key, top + 20}, {key + 24, top + 20},
             with("stroke", curve.colour) + "stroke-width=\"1.5\"");
    svg.text({key + 30, top + 24}, curve.words);
    key += 230;
  }
}

}  // namespace

std::string draw_quantisation(const QuantisationEvaluation& e, std::string_view title) {
  double least = INFINITY, most = 0;
  for (const MeasuredSet& set : e.sets) {
    least = std::min(least, set.perplexity);
    most = std::max(most, set.perplexity);
  }
  const double bottom = kSetsTop + kSetHeight * static_cast<double>(e.sets.size());
  Svg svg(kWide, bottom + kAxis + (e.order.empty() ? 0 : kCurves), title);
  svg.text({24, 34}, title, "font-size=\"20\" font-weight=\"bold\" fill=\"#111\"");
  svg.text({24, 58},
           title_of(e.scheme) + "; " + std::to_string(e.sequences) + " × " +
               std::to_string(e.length) + " tokens",
           "fill=\"#777\"");
  if (e.sets.empty()) return std::move(svg).finish();
  const double margin = 0.04 * (most - least);
  const Scale scale = Scale::linear(least - margin, most + margin, kSetsLeft, kSetsRight);
  for (const auto& tick : scale.ticks()) {
    const double x = scale.at(tick.value);
    svg.line({x, kSetsTop}, {x, bottom}, "stroke=\"#eee\"");
    svg.text({x, bottom + 18}, tick.label, "text-anchor=\"middle\" font-size=\"11\"");
  }
  svg.text({(kSetsLeft + kSetsRight) / 2, bottom + 40}, "perplexity",
           "text-anchor=\"middle\" fill=\"#777\"");
  for (const MeasuredSet& set : e.sets) {
    if (!is_reference(set)) continue;
    const double x = scale.at(set.perplexity);
    const bool exact = set.kind == MeasuredSet::Kind::all_float;
    svg.line({x, kSetsTop - 6}, {x, bottom},
             with("stroke", colour_of(set.kind)) + "stroke-width=\"1.5\"" +
                 (exact ? "" : " stroke-dasharray=\"5 3\""));
  }
  const MeasuredSet* const rounded = e.find(MeasuredSet::Kind::round_to_nearest);
  double y = kSetsTop + kSetHeight / 2;
  for (const MeasuredSet& set : e.sets) {
    const Point dot = {scale.at(set.perplexity), y};
    svg.text({kNamesRight, y + 4}, title_of(set.kind), "text-anchor=\"end\"");
    if (rounded != nullptr && !is_reference(set)) {  // how much of the loss comes back
      svg.line({scale.at(rounded->perplexity), y}, dot, "stroke=\"#999\" stroke-width=\"2\"");
    }
    svg.circle(dot, 5, with("fill", colour_of(set.kind)));
    svg.text({kSetsRight + 14, y + 4}, share_text(set));
    y += kSetHeight;
  }
  draw_curves(svg, bottom + kAxis, e);
  return std::move(svg).finish();
}

}  // namespace azimuth
