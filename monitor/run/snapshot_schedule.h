#pragma once

#include <cstdint>

#include "azimuth/monitor.h"
#include "run/status_board.h"

namespace azimuth {

/// Decides at which steps snapshots are taken. Not thread-safe.
class SnapshotSchedule {
 public:
  SnapshotSchedule(SnapshotInterval interval, double max_overhead, double cores);

  /// Training begins, or goes on, after step `step`, at `now` (monotonic seconds).
  void start(std::int64_t step, double now);

  /// Whether a snapshot is due after `step`, if one more costs about `next`.
  bool due(std::int64_t step, double now, const SpentCost& spent, const SpentCost& next);

 private:
  SnapshotInterval interval_;
  double max_overhead_;
  double cores_;
  double started_ = 0;
  std::int64_t periods_ = 0;  // whole intervals passed, of steps or of seconds
};

}  // namespace azimuth
