#include "azimuth/progress_text.h"

#include <algorithm>
#include <cmath>

namespace azimuth {

std::string progress_text(std::int64_t done, std::int64_t total) {
  constexpr std::int64_t kWidth = 30;
  const double part =
      static_cast<double>(std::clamp<std::int64_t>(done, 0, total)) / static_cast<double>(total);
  const auto full = static_cast<std::int64_t>(part * kWidth);
  std::string bar = "[";
  for (std::int64_t i = 0; i < kWidth; ++i) bar += i < full ? "█" : "░";
  return bar + "] " + std::to_string(static_cast<int>(100 * part)) + "%";
}

std::string time_left_text(std::int64_t done, std::int64_t total, double seconds) {
  if (seconds < 5 || done < 2 || done >= total) return "";
  const double left = seconds * static_cast<double>(total - done) / static_cast<double>(done);
  const auto words = [](double number, const char* unit) {
    return ", about " + std::to_string(std::llround(std::max(number, 1.0))) + unit + " left";
  };
  if (left < 100) return words(left, " s");
  return left < 6000 ? words(left / 60, " min") : words(left / 3600, " h");
}

}  // namespace azimuth
