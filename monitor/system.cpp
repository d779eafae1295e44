// What the monitor takes from the system unless it is told otherwise: clocks, the log, histograms.

#include <chrono>
#include <cstdio>
#include <ctime>

#include "azimuth/monitor.h"

namespace azimuth {

double Clock::monotonic_seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double Clock::unix_seconds() const {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double Clock::thread_cpu_seconds() const {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void log_to_stderr(LogLevel level, std::string_view message) {
  const char* word = level == LogLevel::error     ? "error: "
                     : level == LogLevel::warning ? "warning: "
                                                  : "";
  std::fprintf(stderr, "azimuth: %s%.*s\n", word, static_cast<int>(message.size()), message.data());
}

void Histogram::add(double seconds) {
  std::size_t bucket = 0;
  while (bucket < upper_bounds.size() && seconds > upper_bounds[bucket]) ++bucket;
  ++counts[bucket];
  sum += seconds;
}

}  // namespace azimuth
