#include "scale.h"

#include <algorithm>
#include <cmath>

#include "svg.h"

namespace azimuth::pictures {
namespace {

std::string plain_number(double value) {
  if (std::abs(value) < 1e15 && value == std::round(value)) {
    return std::to_string(static_cast<long long>(value));
  }
  return short_number(value);
}

std::string power_of_ten(int exponent) {
  if (exponent >= -3 && exponent <= 3) return plain_number(std::pow(10, exponent));
  static const char* const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = exponent < 0 ? "10⁻" : "10";
  for (const char digit : std::to_string(std::abs(exponent))) text += digits[digit - '0'];
  return text;
}

struct Extent {
  double low = 1;
  double high = 1;
};

/// Of the values that a logarithm can show.
Extent positive_extent(const std::vector<double>& values) {
  Extent extent = {INFINITY, 0};
  for (const double value : values) {
    if (!std::isfinite(value) || value <= 0) continue;
    extent = {std::min(extent.low, value), std::max(extent.high, value)};
  }
  return extent.high > 0 ? extent : Extent{};
}

constexpr double kZeroBand = 26;         // pixels between 0 and the first decade
constexpr double kSmallestAngle = 1e-6;  // degrees; what lies below is shown as 0
constexpr double kWideSpread = 20;
constexpr int kMostTicks = 8;

}  // namespace

Scale Scale::linear(double low, double high, double from, double to, bool whole) {
  Scale scale;
  scale.low_ = low;
  scale.high_ = high > low ? high : low + std::max(1.0, std::abs(low) * 1e-9);
  scale.from_ = from;
  scale.to_ = to;
  const double span = scale.high_ - scale.low_;
  const double magnitude = std::pow(10, std::floor(std::log10(span / 6)));
  double step = 10 * magnitude;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (span / (factor * magnitude) <= 6.5) {
      step = factor * magnitude;
      break;
    }
  }
  if (whole) step = std::max(1.0, std::round(step));
  const double first = std::ceil(scale.low_ / step);
  for (int i = 0; i < kMostTicks; ++i) {  // adding 1 to a large number may change nothing
    const double value = (first + i) * step;
    if (!(value <= scale.high_ + step * 1e-6)) break;
    scale.ticks_.push_back({value, plain_number(value)});
  }
  return scale;
}

Scale Scale::decades(const std::vector<double>& values, double from, double to) {
  const auto extent = positive_extent(values);
  const int low = static_cast<int>(std::floor(std::log10(extent.low)));
  const int high = std::max(low + 1, static_cast<int>(std::ceil(std::log10(extent.high))));
  Scale scale;
  scale.logarithmic_ = true;
  scale.low_ = low;
  scale.high_ = high;
  scale.from_ = scale.zero_ = from;
  scale.to_ = to;
  const int step = (high - low) / 10 + 1;
  for (int exponent = low; exponent <= high; exponent += step) {
    scale.ticks_.push_back({std::pow(10, exponent), power_of_ten(exponent)});
  }
  return scale;
}

Scale Scale::degrees(const std::vector<double>& values, double from, double to) {
  auto shown = values;
  std::erase_if(shown, [](double value) { return value < kSmallestAngle; });
  const auto extent = positive_extent(shown);
  Scale scale;
  if (extent.high / extent.low < kWideSpread) {
    scale = linear(0, std::min(90.0, extent.high * 1.15), from, to);
  } else {
    scale = decades(shown, from + (to > from ? kZeroBand : -kZeroBand), to);
    scale.zero_ = from;
    if (scale.high_ > std::log10(90)) {  // no angle is larger
      scale.high_ = std::log10(90);
      std::erase_if(scale.ticks_, [](const Tick& tick) { return tick.value > 90; });
      scale.ticks_.push_back({90, "90"});
    }
    scale.ticks_.insert(scale.ticks_.begin(), {0, "0"});
  }
  for (auto& tick : scale.ticks_) tick.label += "°";
  return scale;
}

double Scale::at(double value) const {
  if (!logarithmic_) return from_ + (value - low_) / (high_ - low_) * (to_ - from_);
  const double smallest = std::pow(10, low_);
  if (value < smallest) return zero_ + std::max(0.0, value / smallest) * (from_ - zero_);
  return from_ + (std::log10(value) - low_) / (high_ - low_) * (to_ - from_);
}

}  // namespace azimuth::pictures
