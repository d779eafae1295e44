#pragma once

#include <cstdint>
#include <string>

namespace azimuth::cli {

/// How far long work has come, on standard error and on a terminal only. It appears after a moment,
/// so that short work does not flicker, and erases itself.
class ProgressBar {
 public:
  ProgressBar(std::string what, std::int64_t total);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void advance();

 private:
  std::string what_;
  std::int64_t total_;
  std::int64_t done_ = 0;
  double started_;
  double drawn_at_ = 0;
  bool terminal_;
};

}  // namespace azimuth::cli
