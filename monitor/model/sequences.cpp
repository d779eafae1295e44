#include "azimuth/sequences.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace azimuth {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

// Of pair `i`, the part of a frequency that YaRN leaves as it is.
double kept_by_yarn(const Rotary& r, double size, std::size_t i) {
  const auto pair = [&](double turns) {
    return size * std::log(r.positions / (turns * kTurn)) / (2 * std::log(r.base));
  };
  double low = pair(r.fast);
  double high = pair(r.slow);
  if (r.truncated) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, size - 1);
  if (low == high) high += 0.001;
  return 1 - std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
}

double kept_by_llama3(const Rotary& r, double frequency) {
  const double turns = r.positions * frequency / kTurn;
  if (turns < r.slow) return 0;
  if (turns > r.fast) return 1;
  return (turns - r.slow) / (r.fast - r.slow);
}

bool is_positive(double x) { return std::isfinite(x) && x > 0; }

}  // namespace

std::string why_not(const Rotary& r, std::int64_t head_size) {
  const std::int64_t size = r.size == 0 ? head_size : r.size;
  if (size % 2 != 0 || size > head_size) {
    return std::to_string(size) + " numbers of a head of " + std::to_string(head_size) +
           " cannot turn in pairs";
  }
  if (!is_positive(r.base) || r.base == 1) return "a base that turns nothing";
  if (!is_positive(r.factor) || !is_positive(r.magnitude)) return "a factor that is not positive";
  const bool needs_positions =
      r.scaling != Rotary::Scaling::none && r.scaling != Rotary::Scaling::linear;
  if (needs_positions && !is_positive(r.positions)) return "no number of positions to scale from";
  if (r.scaling == Rotary::Scaling::dynamic && size < 4) return "too few numbers to scale";
  const bool yarn = r.scaling == Rotary::Scaling::yarn;
  if (yarn || r.scaling == Rotary::Scaling::llama3) {
    const bool in_order = yarn ? r.fast >= r.slow : r.fast > r.slow;
    if (!is_positive(r.slow) || !in_order || !std::isfinite(r.fast)) {
      return "bounds of frequencies that are not in order";
    }
  }
  if (r.scaling == Rotary::Scaling::longrope) {
    for (const auto* factors : {&r.short_factors, &r.long_factors}) {
      if (std::ssize(*factors) != size / 2 || !std::ranges::all_of(*factors, is_positive)) {
        return "not one positive factor for each pair of numbers";
      }
    }
  }
  return "";
}

std::vector<double> frequencies(const Rotary& r, std::int64_t head_size, std::int64_t tokens) {
  const auto size = static_cast<double>(r.size == 0 ? head_size : r.size);
  double base = r.base;
  if (r.scaling == Rotary::Scaling::dynamic) {
    const double length = std::max(static_cast<double>(tokens), r.positions);
    base *= std::pow(r.factor * length / r.positions - (r.factor - 1), size / (size - 2));
  }
  const std::vector<double>& factors =
      static_cast<double>(tokens) > r.positions ? r.long_factors : r.short_factors;
  std::vector<double> all(static_cast<std::size_t>(size / 2));
  for (std::size_t i = 0; i < all.size(); ++i) {
    double& f = all[i];
    f = std::pow(base, -2 * static_cast<double>(i) / size);
    double kept = 1;
    switch (r.scaling) {
      case Rotary::Scaling::none:
      case Rotary::Scaling::dynamic:
        break;
      case Rotary::Scaling::linear:
        kept = 0;
        break;
      case Rotary::Scaling::yarn:
        kept = kept_by_yarn(r, size, i);
        break;
      case Rotary::Scaling::llama3:
        kept = kept_by_llama3(r, f);
        break;
      case Rotary::Scaling::longrope:
        f /= factors.at(i);
        break;
    }
    f = f * kept + f / r.factor * (1 - kept);
  }
  return all;
}

// Those of the largest power of two up to the heads, then every other one of twice as many.
std::vector<double> slopes(const Alibi& alibi, std::int64_t heads) {
  std::int64_t power = 1;
  while (2 * power <= heads) power *= 2;
  const auto steepness = static_cast<double>(power);
  std::vector<double> all;
  for (std::int64_t head = 0; head < heads; ++head) {
    const double place =
        head < power ? static_cast<double>(head + 1) : static_cast<double>(head - power) + 0.5;
    all.push_back(std::exp2(-alibi.steepest * place / steepness));
  }
  return all;
}

}  // namespace azimuth
