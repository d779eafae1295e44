#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "azimuth/mutex.h"
#include "azimuth/snapshot_line.h"

namespace azimuth::console {

/// The lines printed so far and, below them on a terminal, the progress bar. Thread-safe.
class Screen {
 public:
  struct Options {
    std::FILE* out = nullptr;
    std::int64_t total_steps = 0;  ///< 0: no bar
    bool colours = false;
  };

  explicit Screen(Options options) : options_(options) {}

  bool has_bar() const { return options_.total_steps > 0; }

  /// Prints lines above the bar, the first time below a header. Throws std::runtime_error.
  void print(const std::vector<words::Line>& lines, std::int64_t step);
  /// Redraws the bar if it looks different at `step`. Never throws: the next line will.
  void advance(std::int64_t step);
  /// Erases the bar for good.
  void close();

 private:
  std::string bar() const AZIMUTH_REQUIRES(mutex_);
  bool put(const std::string& text) AZIMUTH_REQUIRES(mutex_);

  const Options options_;
  Mutex mutex_;
  std::int64_t step_ AZIMUTH_GUARDED_BY(mutex_) = 0;
  bool header_printed_ AZIMUTH_GUARDED_BY(mutex_) = false;
  bool closed_ AZIMUTH_GUARDED_BY(mutex_) = false;
  std::string drawn_bar_ AZIMUTH_GUARDED_BY(mutex_);  ///< empty: none on the screen
};

}  // namespace azimuth::console
