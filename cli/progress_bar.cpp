#include "progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "azimuth/progress_text.h"

namespace azimuth::cli {
namespace {

constexpr double kFirstDrawn = 0.3;  // seconds
constexpr double kRedrawn = 0.1;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

ProgressBar::ProgressBar(std::string what, std::int64_t total)
    : what_(std::move(what)),
      total_(std::max<std::int64_t>(total, 1)),
      started_(now()),
      terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (drawn_at_ > 0) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::advance() {
  done_ = std::min(done_ + 1, total_);
  if (!terminal_) return;
  const double time = now();
  if (time - started_ < kFirstDrawn || time - drawn_at_ < kRedrawn) return;
  drawn_at_ = time;
  std::fprintf(stderr, "\r\x1b[K%s  %s", progress_text(done_, total_).c_str(), what_.c_str());
  std::fflush(stderr);
}

}  // namespace azimuth::cli
