#pragma once

#include <string>
#include <vector>

namespace azimuth::pictures {

struct Tick {
  double value = 0;
  std::string label;
};

/// From values to positions along an axis, with its ticks.
class Scale {
 public:
  /// Values from `low` to `high`, with ticks at whole numbers if `whole`.
  static Scale linear(double low, double high, double from, double to, bool whole = false);
  /// Whole decades about the positive ones of `values`.
  static Scale decades(const std::vector<double>& values, double from, double to);
  /// Angles in degrees: from 0, in decades above the smallest of `values` where they spread widely.
  static Scale degrees(const std::vector<double>& values, double from, double to);

  double at(double value) const;
  const std::vector<Tick>& ticks() const { return ticks_; }

 private:
  bool logarithmic_ = false;
  double low_ = 0;
  double high_ = 1;
  double from_ = 0;
  double to_ = 1;
  double zero_ = 0;  ///< of a logarithmic scale: position of 0, beyond `from_`
  std::vector<Tick> ticks_;
};

}  // namespace azimuth::pictures
