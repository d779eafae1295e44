#pragma once

#include <string>
#include <vector>

#include "azimuth/observation.h"

namespace azimuth::console {

enum class Tone { plain, good, notice, bad };

struct Line {
  std::string text;
  Tone tone = Tone::plain;
};

/// Names of the columns, aligned with those of `lines_of`.
std::string header_line();

/// One line of numbers, then one for each event.
std::vector<Line> lines_of(const Observation& observation);

}  // namespace azimuth::console
