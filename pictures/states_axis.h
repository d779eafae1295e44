#pragma once

#include <cstdint>
#include <vector>

#include "azimuth/observation.h"
#include "scale.h"
#include "svg.h"

namespace azimuth::pictures {

struct StateAt {
  std::int64_t step = 0;
  State state = State::unspecified;
};

/// The states by step as a coloured strip. Each reaches half-way to its neighbours; where they are
/// too many to be seen, that of the neighbours which needs most attention is shown.
class StatesAxis {
 public:
  /// `strip` is where it lies, `x` the scale of its steps.
  StatesAxis(const Box& strip, const Scale& x, std::vector<StateAt> states);

  void draw(Svg& svg) const;
  /// Names all states that occur, because a short one has no room for its name, on one line that
  /// begins `at`.
  void draw_key(Svg& svg, Point at) const;

 private:
  struct Stretch {
    State state = State::unspecified;
    double left = 0;
    double right = 0;
  };

  void add(const Stretch& next);

  Box strip_;
  std::vector<Stretch> stretches_;
};

}  // namespace azimuth::pictures
