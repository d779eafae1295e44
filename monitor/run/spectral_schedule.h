#pragma once

#include <cstdint>

#include "azimuth/monitor.h"

namespace azimuth {

/// Decides which snapshots get spectral figures. The first does, outside the budget like everything
/// about it. Then as many as use no more CPU time than the passes do, so that at most half of the
/// budget goes there; of snapshots at fixed steps every tenth, so that a run can be repeated. The
/// decision stands one snapshot ahead, so that a budget can wait for what that one will cost. Not
/// thread-safe.
class SpectralSchedule {
 public:
  explicit SpectralSchedule(SnapshotInterval::Kind kind) : kind_(kind) {}

  /// Whether the snapshot at hand gets them.
  bool due(bool first) const { return first || planned_; }

  /// What its pass has cost, and its spectral figures if they were due: CPU seconds.
  void account(bool first, double pass, double spectral) {
    if (due(first)) next_ = spectral;
    if (!first) {
      passes_ += pass;
      spectral_ += spectral;
      ++snapshots_;
    }
    planned_ = kind_ == SnapshotInterval::Kind::steps ? snapshots_ % 10 == 9
                                                      : spectral_ + next_ <= passes_;
  }

  /// What the next snapshot's will cost: CPU seconds.
  double next_cost() const { return planned_ ? next_ : 0; }

 private:
  SnapshotInterval::Kind kind_;
  std::int64_t snapshots_ = 0;
  bool planned_ = false;
  double passes_ = 0;
  double spectral_ = 0;
  double next_ = 0;
};

}  // namespace azimuth
