#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "azimuth/mutex.h"
#include "run/snapshot.h"

namespace azimuth {

/// Between the thread that trains and the one that analyses: one snapshot at a time. Nobody who
/// puts one in waits. Thread-safe.
class Mailbox {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// The analysis thread is about to start: until it leaves, somebody reads.
  void open();
  bool is_read() const;
  /// A snapshot waits, or is being analysed.
  bool busy() const;
  /// Only while not `busy`: the buffer that the last snapshot refers to is used again.
  void put(Snapshot snapshot);

  /// Waits for a snapshot; nothing once the mailbox is closed. The analysis thread's, as `done` and
  /// `leave` are.
  std::optional<Snapshot> take();
  /// What was taken has been analysed, and nothing refers to it any more. Whoever sees that sees
  /// what `last` has done too.
  void done(const std::function<void()>& last);
  void leave();

  /// Nothing is taken any more.
  void close();
  bool closed() const;

  /// False if it took longer.
  bool wait_idle(TimePoint deadline);
  bool wait_left(TimePoint deadline);

 private:
  bool holds_work() const AZIMUTH_REQUIRES(mutex_) { return waiting_ || analysing_; }

  mutable Mutex mutex_;
  Condition arrived_;
  Condition changed_;
  std::optional<Snapshot> waiting_ AZIMUTH_GUARDED_BY(mutex_);
  bool analysing_ AZIMUTH_GUARDED_BY(mutex_) = false;
  bool is_read_ AZIMUTH_GUARDED_BY(mutex_) = false;
  bool closed_ AZIMUTH_GUARDED_BY(mutex_) = false;
};

}  // namespace azimuth
