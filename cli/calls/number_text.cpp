#include "calls/number_text.h"

#include <cmath>

#include "terminal/format_text.h"

namespace azimuth::cli {

std::string number_text(double value) {
  if (std::isnan(value)) return "";
  const double size = std::abs(value);
  if (size >= 1e7) return text("%.2e", value);
  if (size >= 1000) return text("%.0f", value);
  if (size >= 100) return text("%.1f", value);
  return text(size >= 10 ? "%.2f" : "%.3f", value);
}

}  // namespace azimuth::cli
