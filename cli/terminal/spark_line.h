#pragma once

#include <span>
#include <string>

namespace azimuth::cli {

/// "▁▂▄█": numbers from 0 to the largest of them, a character each; a space where one is not
/// finite.
std::string spark_line(std::span<const double> numbers);

}  // namespace azimuth::cli
