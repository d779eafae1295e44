#pragma once

#include <cstdint>
#include <stdexcept>

namespace azimuth {

/// Thrown by work that was asked to stop.
class Cancelled : public std::runtime_error {
 public:
  Cancelled() : std::runtime_error("the analysis was cancelled") {}
};

/// Told how far long work has come, for whoever waits for it. Called on the thread that asked for
/// the work, from within it; what is thrown ends the work.
class Progress {
 public:
  virtual ~Progress() = default;
  /// The work consists of so many parts of about the same length.
  virtual void begin(std::int64_t parts) { (void)parts; }
  /// The next part begins.
  virtual void advance() {}
  /// Asked between two parts: true ends the work with `Cancelled`.
  virtual bool cancelled() { return false; }
};

/// Between two parts of work that `progress` waits for; null: nobody does.
inline void next_part(Progress* progress) {
  if (progress == nullptr) return;
  if (progress->cancelled()) throw Cancelled();
  progress->advance();
}

}  // namespace azimuth
