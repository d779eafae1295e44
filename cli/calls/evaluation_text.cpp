#include "calls/evaluation_text.h"

#include <cmath>
#include <cstddef>
#include <vector>

#include "terminal/format_text.h"

namespace azimuth::cli {
namespace {

using Kind = MeasuredSet::Kind;

std::string blocks_of(const MeasuredSet& set) {
  if (set.kind == Kind::all_down) return "all";
  std::string out;
  for (const WeightPlace& place : set.kept) {
    out += (out.empty() ? "" : " ") + std::to_string(place.block);
    if (place.role == Role::shared_down_weight) out += "s";
  }
  return out;
}

std::string line_of(const MeasuredSet& set) {
  std::string out = left(title_of(set.kind), 32) + right(text("%.4g", set.perplexity), 11);
  out += right(std::isnan(set.recovered) ? "–" : text("%.1f%%", 100 * set.recovered), 11);
  if (set.kept.empty()) return out + "\n";
  return out +
         text("%6zu%10.3g M%8.3g MB  ", set.kept.size(), static_cast<double>(set.parameters) / 1e6,
              static_cast<double>(set.bytes) / 1e6) +
         blocks_of(set) + "\n";
}

std::string list_of(const std::vector<double>& perplexities) {
  std::string out;
  for (const double perplexity : perplexities) out += text(" %.4g", perplexity);
  return out + ".\n";
}

std::string about_greedy(const QuantisationEvaluation& e) {
  if (!e.no_greedy.empty()) return "No search for the best set: " + e.no_greedy + ".\n";
  const MeasuredSet* const greedy = e.find(Kind::greedy);
  std::string out = text("Best found: to recover %.1f%%", 100 * e.goal);
  if (e.goal < 0.9) out += " (90% of what all down projections do)";
  out +=
      text(", one after the other, by measuring %lld sets; ", static_cast<long long>(e.measured));
  out += greedy == nullptr ? "none lowers the perplexity.\n" : "perplexity" + list_of(e.greedy);
  return out + text("In the order of the advice that takes %zu; perplexity", e.order_needs()) +
         list_of(e.order);
}

}  // namespace

std::string evaluation_text(const QuantisationEvaluation& e) {
  std::string out = text(
      "\nOn text, %lld sequences of %lld tokens, %s; SmoothQuant calibrated on %lld sequences ",
      static_cast<long long>(e.sequences), static_cast<long long>(e.length),
      title_of(e.scheme).c_str(), static_cast<long long>(e.calibration_sequences));
  out += e.calibration_digest == e.ids_digest ? "behind those\n" : "of another text\n";
  out += left("", 32) + right("perplexity", 11) + right("recovered", 11) + right("kept", 6) +
         right("parameters", 12) + right("more bytes", 11) + "  blocks\n";
  for (const MeasuredSet& set : e.sets) out += line_of(set);
  return out + about_greedy(e);
}

}  // namespace azimuth::cli
