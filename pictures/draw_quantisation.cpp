#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azimuth/pictures.h"
#include "scale.h"
#include "svg.h"

namespace azimuth {
namespace {

using pictures::Point;
using pictures::Scale;
using pictures::Svg;

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

std::string about(const QuantisationEvaluation& e) {
  return "W" + std::to_string(e.scheme.weight_bits) + "A8, " +
         (e.scheme.per_channel ? "a scale an output" : "a scale a weight") + "; " +
         std::to_string(e.sequences) + " × " + std::to_string(e.length) + " tokens";
}

}  // namespace

std::string draw_quantisation(const QuantisationEvaluation& e, std::string_view title) {
  std::vector<const MeasuredSet*> rows;
  double least = INFINITY, most = 0;
  for (const MeasuredSet& set : e.sets) {
    rows.push_back(&set);
    least = std::min(least, set.perplexity);
    most = std::max(most, set.perplexity);
  }
  const double bottom = kSetsTop + kSetHeight * static_cast<double>(rows.size());
  Svg svg(kWide, bottom + kAxis, title);
  svg.text({24, 34}, title, "font-size=\"20\" font-weight=\"bold\" fill=\"#111\"");
  svg.text({24, 58}, about(e), "fill=\"#777\"");
  if (rows.empty()) return std::move(svg).finish();
  const double margin = 0.04 * (most - least);
  const Scale scale = Scale::linear(least - margin, most + margin, kSetsLeft, kSetsRight);
  for (const auto& tick : scale.ticks()) {
    const double x = scale.at(tick.value);
    svg.line({x, kSetsTop}, {x, bottom}, "stroke=\"#eee\"");
    svg.text({x, bottom + 18}, tick.label, "text-anchor=\"middle\" font-size=\"11\"");
  }
  svg.text({(kSetsLeft + kSetsRight) / 2, bottom + 40}, "perplexity",
           "text-anchor=\"middle\" fill=\"#777\"");
  for (const MeasuredSet* set : rows) {
    if (!is_reference(*set)) continue;
    const bool exact = set->kind == MeasuredSet::Kind::all_float;
    const double x = scale.at(set->perplexity);
    svg.line({x, kSetsTop - 6}, {x, bottom},
             exact ? "stroke=\"#0072b2\" stroke-width=\"1.5\""
                   : "stroke=\"#d55e00\" stroke-width=\"1.5\" stroke-dasharray=\"5 3\"");
  }
  const MeasuredSet* const rounded = e.find(MeasuredSet::Kind::round_to_nearest);
  double y = kSetsTop + kSetHeight / 2;
  for (const MeasuredSet* set : rows) {
    const Point dot = {scale.at(set->perplexity), y};
    svg.text({kNamesRight, y + 4}, title_of(set->kind), "text-anchor=\"end\"");
    if (rounded != nullptr && !is_reference(*set)) {  // how much of the loss comes back
      svg.line({scale.at(rounded->perplexity), y}, dot, "stroke=\"#999\" stroke-width=\"2\"");
    }
    const bool advised =
        set->kind == MeasuredSet::Kind::advised || set->kind == MeasuredSet::Kind::smooth_advised;
    svg.circle(dot, 5,
               set->kind == MeasuredSet::Kind::all_float          ? "fill=\"#0072b2\""
               : set->kind == MeasuredSet::Kind::round_to_nearest ? "fill=\"#d55e00\""
               : advised                                          ? "fill=\"#009e73\""
                                                                  : "fill=\"#555\"");
    svg.text({kSetsRight + 14, y + 4}, share_text(*set));
    y += kSetHeight;
  }
  return std::move(svg).finish();
}

}  // namespace azimuth
