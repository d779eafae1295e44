#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "azimuth/mutex.h"
#include "run/snapshot.h"

namespace azimuth {

/// Between the thread that trains and the one that analyses: one snapshot at a time, and once the
/// step at which training begins. Nobody who puts something in waits. Thread-safe.
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

  /// The weights that attach saw are those of `step`. Only the first call counts.
  void begin(std::int64_t step);

  /// Of the two, what has come.
  struct Post {
    std::optional<std::int64_t> begin;
    std::optional<Snapshot> snapshot;
  };
  /// Waits for either; nothing once the mailbox is closed. The analysis thread's, as `done` and
  /// `leave` are.
  std::optional<Post> take();
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
  bool is_busy() const AZIMUTH_REQUIRES(mutex_) { return waiting_.snapshot || analysing_; }
  bool is_idle() const AZIMUTH_REQUIRES(mutex_) {
    return !waiting_.begin && !waiting_.snapshot && !at_work_;
  }

  mutable Mutex mutex_;
  Condition arrived_;
  Condition changed_;
  Post waiting_ AZIMUTH_GUARDED_BY(mutex_);
  bool has_begun_ AZIMUTH_GUARDED_BY(mutex_) = false;
  bool at_work_ AZIMUTH_GUARDED_BY(mutex_) = false;
  bool analysing_ AZIMUTH_GUARDED_BY(mutex_) = false;  // at work on a snapshot
  bool is_read_ AZIMUTH_GUARDED_BY(mutex_) = false;
  bool closed_ AZIMUTH_GUARDED_BY(mutex_) = false;
};

}  // namespace azimuth
