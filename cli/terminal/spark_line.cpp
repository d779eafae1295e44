#include "terminal/spark_line.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace azimuth::cli {

std::string spark_line(std::span<const double> numbers) {
  static constexpr std::array kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  double largest = 0;
  for (const double number : numbers) {
    if (std::isfinite(number)) largest = std::max(largest, number);
  }
  std::string out;
  for (const double number : numbers) {
    if (!std::isfinite(number)) {
      out += ' ';
      continue;
    }
    const double part = largest > 0 ? std::max(number, 0.0) / largest : 0;
    out += kBars[std::min<std::size_t>(static_cast<std::size_t>(part * kBars.size()),
                                       kBars.size() - 1)];
  }
  return out;
}

}  // namespace azimuth::cli
