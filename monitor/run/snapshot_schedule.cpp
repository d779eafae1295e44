#include "run/snapshot_schedule.h"

#include <cmath>
#include <stdexcept>

namespace azimuth {

SnapshotInterval SnapshotInterval::every_steps(std::int64_t steps) {
  return {Kind::steps, static_cast<double>(steps)};
}

SnapshotInterval SnapshotInterval::every(std::chrono::duration<double> seconds) {
  return {Kind::seconds, seconds.count()};
}

SnapshotSchedule::SnapshotSchedule(SnapshotInterval interval, double max_overhead, double cores)
    : interval_(interval), max_overhead_(max_overhead), cores_(cores) {
  const bool steps = interval.kind == SnapshotInterval::Kind::steps;
  if (interval.kind != SnapshotInterval::Kind::automatic &&
      !(interval.value > 0 && interval.value < 1e15 && (!steps || interval.value >= 1))) {
    throw std::invalid_argument("snapshot_interval must be positive");
  }
  if (!(max_overhead > 0 && max_overhead <= 1)) {
    throw std::invalid_argument("max_overhead must lie between 0 and 1");
  }
}

void SnapshotSchedule::start(std::int64_t step, double now) {
  started_ = now;
  periods_ = interval_.kind == SnapshotInterval::Kind::steps
                 ? step / static_cast<std::int64_t>(interval_.value)
                 : 0;
}

bool SnapshotSchedule::due(std::int64_t step, double now, const SpentCost& spent,
                           const SpentCost& next) {
  if (interval_.kind == SnapshotInterval::Kind::automatic) {
    const SpentCost then = {spent.training_thread_seconds + next.training_thread_seconds,
                            spent.analysis_cpu_seconds + next.analysis_cpu_seconds};
    const double wall = now - started_;
    return wall > 0 && then.ratio(wall, cores_) <= max_overhead_;
  }
  const std::int64_t periods = interval_.kind == SnapshotInterval::Kind::steps
                                   ? step / static_cast<std::int64_t>(interval_.value)
                                   : static_cast<std::int64_t>((now - started_) / interval_.value);
  const bool passed = periods > periods_;
  periods_ = periods;
  return passed;
}

}  // namespace azimuth
