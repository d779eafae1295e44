#pragma once

#include <cstdint>
#include <string>

#include "azimuth/progress.h"

namespace azimuth::cli {

/// How far long work has come, on standard error and on a terminal only. It appears after a moment,
/// so that short work does not flicker, and erases itself.
class ProgressBar : public Progress {
 public:
  explicit ProgressBar(std::string what);
  ~ProgressBar() override;
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void begin(std::int64_t parts) override;
  void advance() override;

 private:
  std::string what_;
  std::int64_t total_ = 1;
  std::int64_t done_ = 0;
  double started_;
  double began_;  // the parts
  double drawn_at_ = 0;
  bool terminal_;
};

}  // namespace azimuth::cli
