#include "azimuth/quantisation_evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace azimuth {

const MeasuredSet* QuantisationEvaluation::find(MeasuredSet::Kind kind) const {
  const auto found = std::ranges::find(sets, kind, &MeasuredSet::kind);
  return found == sets.end() ? nullptr : &*found;
}

bool QuantisationEvaluation::loses() const {
  constexpr double kNoise = 0.02;
  const MeasuredSet* const exact = find(MeasuredSet::Kind::all_float);
  const MeasuredSet* const rounded = find(MeasuredSet::Kind::round_to_nearest);
  return exact != nullptr && rounded != nullptr &&
         std::log(rounded->perplexity / exact->perplexity) > kNoise;
}

bool QuantisationEvaluation::worse_than_guessing() const {
  const MeasuredSet* const rounded = find(MeasuredSet::Kind::round_to_nearest);
  return rounded != nullptr && vocab_size > 0 &&
         rounded->perplexity > static_cast<double>(vocab_size);
}

double QuantisationEvaluation::recovered(double perplexity) const {
  if (!loses() || worse_than_guessing()) return std::numeric_limits<double>::quiet_NaN();
  const double rounded = find(MeasuredSet::Kind::round_to_nearest)->perplexity;
  return (rounded - perplexity) / (rounded - find(MeasuredSet::Kind::all_float)->perplexity);
}

std::size_t QuantisationEvaluation::order_needs() const {
  const auto first =
      std::ranges::find_if(order, [&](double perplexity) { return recovered(perplexity) >= goal; });
  return first == order.end() ? 0 : static_cast<std::size_t>(first - order.begin()) + 1;
}

std::string title_of(MeasuredSet::Kind kind) {
  using enum MeasuredSet::Kind;
  switch (kind) {
    case all_float:
      return "float";
    case round_to_nearest:
      return "round-to-nearest";
    case advised:
      return "advised kept";
    case smooth:
      return "SmoothQuant";
    case smooth_advised:
      return "SmoothQuant, advised kept";
    case paper:
      return "explosion and decay blocks kept";
    case greedy:
      return "best found by measuring kept";
    case control:
      return "as many others kept";
    case all_down:
      return "all down projections kept";
  }
  throw std::invalid_argument("no such set");
}

std::string title_of(const QuantisationScheme& scheme) {
  return "W" + std::to_string(scheme.weight_bits) + "A8, " +
         (scheme.per_channel ? "a scale an output" : "a scale a weight");
}

}  // namespace azimuth
