#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

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

}  // namespace

std::string draw_quantisation(const QuantisationEvaluation& e, std::string_view title) {
  double least = INFINITY, most = 0;
  for (const MeasuredSet& set : e.sets) {
    least = std::min(least, set.perplexity);
    most = std::max(most, set.perplexity);
  }
  const double bottom = kSetsTop + kSetHeight * static_cast<double>(e.sets.size());
  Svg svg(kWide, bottom + kAxis, title);
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
  return std::move(svg).finish();
}

}  // namespace azimuth
