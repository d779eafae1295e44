#include <cstdio>

#include "azimuth/monitor.h"

namespace azimuth {

void log_to_stderr(LogLevel level, std::string_view message) {
  const char* word = level == LogLevel::error     ? "error: "
                     : level == LogLevel::warning ? "warning: "
                                                  : "";
  std::fprintf(stderr, "azimuth: %s%.*s\n", word, static_cast<int>(message.size()), message.data());
}

}  // namespace azimuth
