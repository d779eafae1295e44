#include "terminal/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "azimuth/clock.h"
#include "azimuth/progress_text.h"

namespace azimuth::cli {
namespace {

constexpr double kFirstDrawn = 0.3;  // seconds
constexpr double kRedrawn = 0.1;

}  // namespace

ProgressBar::ProgressBar(std::string what)
    : what_(std::move(what)),
      started_(Clock().monotonic_seconds()),
      began_(started_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (drawn_at_ > 0) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::begin(std::int64_t parts) {
  total_ = std::max<std::int64_t>(parts, 1);
  done_ = 0;
  began_ = Clock().monotonic_seconds();
}

void ProgressBar::advance() {
  done_ = std::min(done_ + 1, total_);
  if (!terminal_) return;
  const double time = Clock().monotonic_seconds();
  if (time - started_ < kFirstDrawn || time - drawn_at_ < kRedrawn) return;
  drawn_at_ = time;
  // What is done is all before the part that begins.
  std::fprintf(stderr, "\r\x1b[K%s  %s%s", progress_text(done_, total_).c_str(), what_.c_str(),
               time_left_text(done_ - 1, total_, time - began_).c_str());
  std::fflush(stderr);
}

}  // namespace azimuth::cli
