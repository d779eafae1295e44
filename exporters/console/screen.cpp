#include "screen.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "azimuth/progress_text.h"
#include "azimuth/state_words.h"

namespace azimuth::console {
namespace {

constexpr const char* kEraseLine = "\r\x1b[K";

}  // namespace

void Screen::print(const std::vector<words::Line>& lines, std::int64_t step) {
  Lock lock(mutex_);
  step_ = std::max(step_, step);
  std::string text = drawn_bar_.empty() ? "" : kEraseLine;
  if (!header_printed_) text += words::legend_line() + "\n" + words::header_line() + "\n";
  for (const words::Line& line : lines) {
    text += (options_.colours ? words::coloured(line) : line.text) + "\n";
  }
  const std::string bar = this->bar();
  if (!put(text + bar)) {
    throw std::runtime_error(std::string("console: cannot print: ") + std::strerror(errno));
  }
  header_printed_ = true;
  drawn_bar_ = bar;
}

void Screen::advance(std::int64_t step) {
  Lock lock(mutex_);
  step_ = std::max(step_, step);
  const std::string bar = this->bar();
  if (bar != drawn_bar_ && put(kEraseLine + bar)) drawn_bar_ = bar;
}

void Screen::close() {
  Lock lock(mutex_);
  closed_ = true;
  if (!drawn_bar_.empty()) put(kEraseLine);
  drawn_bar_.clear();
}

std::string Screen::bar() const {
  if (!has_bar() || closed_) return {};
  const std::int64_t step = std::clamp<std::int64_t>(step_, 0, options_.total_steps);
  return progress_text(step, options_.total_steps) + "  step " + std::to_string(step) + " of " +
         std::to_string(options_.total_steps);
}

bool Screen::put(const std::string& text) {
  std::clearerr(options_.out);
  return std::fwrite(text.data(), 1, text.size(), options_.out) == text.size() &&
         std::fflush(options_.out) == 0;
}

}  // namespace azimuth::console
