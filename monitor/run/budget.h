#pragma once

#include <cstdint>

#include "azimuth/monitor.h"
#include "azimuth/mutex.h"
#include "azimuth/workers.h"

namespace azimuth {

/// What a run has cost so far, the snapshot at attach apart (docs/method.md, 8).
struct SpentCost {
  double training_thread_seconds = 0;
  double analysis_cpu_seconds = 0;

  /// Share of the machine in `wall` seconds on `cores` cores.
  double ratio(double wall, double cores) const {
    return wall > 0 ? training_thread_seconds / wall + analysis_cpu_seconds / (wall * cores) : 0;
  }
};

/// Decides alone when a snapshot is due, what it may hold and what it may cost. Thread-safe; the
/// training thread asks for snapshots, the analysis for spectral figures.
class Budget {
 public:
  /// Throws std::invalid_argument for an interval that is not positive, or a share of the machine
  /// that is not one.
  Budget(SnapshotInterval interval, double max_overhead, double cores);

  double max_overhead() const { return max_overhead_; }
  /// How the analysis stands back behind training. Who asks for a rhythm wants it kept; otherwise
  /// training comes first, however long an analysis takes.
  Priority priority() const { return automatic() ? Priority::idle : Priority::low; }

  /// Training begins, or goes on, at `now` (monotonic seconds).
  void start(double now);
  /// It does so after step `step`: intervals are counted from there.
  void begin(std::int64_t step);

  /// Whether a snapshot is due after `step`. `room`: somebody could take it. Where nobody can, an
  /// automatic interval waits; a fixed one has passed all the same.
  bool due(std::int64_t step, double now, bool room);

  /// Whether the snapshot at hand gets spectral figures. The first does, outside the budget like
  /// everything about it. Then as many as use no more CPU time than the passes do, so that at most
  /// half of the budget goes there; of snapshots at fixed steps every tenth, so that a run can be
  /// repeated. The decision stands one snapshot ahead, so that `due` can wait for what it will
  /// cost.
  bool spectral_due(bool first) const;

  /// What one snapshot has cost: seconds of the training thread; CPU seconds of its pass, and of
  /// its spectral figures if they were due.
  struct SnapshotCost {
    bool first = false;
    double training_thread_seconds = 0;
    double pass_cpu_seconds = 0;
    double spectral_cpu_seconds = 0;
  };
  /// For the decisions to come; what was spent is said by `spend`.
  void account(const SnapshotCost& cost);
  void spend(const SpentCost& cost);

  SpentCost spent() const;
  /// What the next snapshot is expected to cost.
  SpentCost next_cost() const;
  /// Of the run until `now`; 0 before it has started.
  double overhead_ratio(double now) const;

 private:
  bool automatic() const { return interval_.kind == SnapshotInterval::Kind::automatic; }
  bool spectral_due_locked(bool first) const AZIMUTH_REQUIRES(mutex_) {
    return first || spectral_planned_;
  }
  SpentCost next_cost_locked() const AZIMUTH_REQUIRES(mutex_);

  const SnapshotInterval interval_;
  const double max_overhead_;
  const double cores_;

  mutable Mutex mutex_;
  bool started_ AZIMUTH_GUARDED_BY(mutex_) = false;
  double started_at_ AZIMUTH_GUARDED_BY(mutex_) = 0;
  std::int64_t periods_ AZIMUTH_GUARDED_BY(mutex_) = 0;  ///< whole intervals passed
  SpentCost spent_ AZIMUTH_GUARDED_BY(mutex_);
  SnapshotCost last_ AZIMUTH_GUARDED_BY(mutex_);

  // Snapshots after the first, and what they used.
  std::int64_t snapshots_ AZIMUTH_GUARDED_BY(mutex_) = 0;
  double passes_ AZIMUTH_GUARDED_BY(mutex_) = 0;
  double spectral_ AZIMUTH_GUARDED_BY(mutex_) = 0;
  double spectral_cost_ AZIMUTH_GUARDED_BY(mutex_) = 0;  ///< of the last that had any
  bool spectral_planned_ AZIMUTH_GUARDED_BY(mutex_) = false;
};

}  // namespace azimuth
