#include "azimuth/progress_text.h"

#include <algorithm>

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

}  // namespace azimuth
