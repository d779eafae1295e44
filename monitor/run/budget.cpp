#include "run/budget.h"

#include <stdexcept>
#include <utility>

namespace azimuth {

SnapshotInterval SnapshotInterval::every_steps(std::int64_t steps) {
  return {Kind::steps, static_cast<double>(steps)};
}

SnapshotInterval SnapshotInterval::every(std::chrono::duration<double> seconds) {
  return {Kind::seconds, seconds.count()};
}

Budget::Budget(SnapshotInterval interval, double max_overhead, double cores)
    : interval_(interval), max_overhead_(max_overhead), cores_(cores) {
  const bool steps = interval.kind == SnapshotInterval::Kind::steps;
  if (!automatic() &&
      !(interval.value > 0 && interval.value < 1e15 && (!steps || interval.value >= 1))) {
    throw std::invalid_argument("snapshot_interval must be positive");
  }
  if (!(max_overhead > 0 && max_overhead <= 1)) {
    throw std::invalid_argument("max_overhead must lie between 0 and 1");
  }
}

void Budget::start(double now) {
  Lock lock(mutex_);
  started_ = true;
  started_at_ = now;
  periods_ = 0;
}

void Budget::begin(std::int64_t step) {
  Lock lock(mutex_);
  periods_ = interval_.kind == SnapshotInterval::Kind::steps
                 ? step / static_cast<std::int64_t>(interval_.value)
                 : 0;
}

bool Budget::due(std::int64_t step, double now, bool room) {
  Lock lock(mutex_);
  const double wall = now - started_at_;
  if (automatic()) {
    if (!room) return false;
    const SpentCost next = next_cost_locked();
    const SpentCost then = {spent_.training_thread_seconds + next.training_thread_seconds,
                            spent_.analysis_cpu_seconds + next.analysis_cpu_seconds};
    return wall > 0 && then.ratio(wall, cores_) <= max_overhead_;
  }
  const std::int64_t periods = interval_.kind == SnapshotInterval::Kind::steps
                                   ? step / static_cast<std::int64_t>(interval_.value)
                                   : static_cast<std::int64_t>(wall / interval_.value);
  return periods > std::exchange(periods_, periods);
}

bool Budget::spectral_due(bool first) const {
  Lock lock(mutex_);
  return spectral_due_locked(first);
}

void Budget::account(const SnapshotCost& cost) {
  Lock lock(mutex_);
  if (spectral_due_locked(cost.first)) spectral_cost_ = cost.spectral_cpu_seconds;
  if (!cost.first) {
    passes_ += cost.pass_cpu_seconds;
    spectral_ += cost.spectral_cpu_seconds;
    ++snapshots_;
  }
  last_ = cost;
  spectral_planned_ = interval_.kind == SnapshotInterval::Kind::steps
                          ? snapshots_ % 10 == 9
                          : spectral_ + spectral_cost_ <= passes_;
}

void Budget::spend(const SpentCost& cost) {
  Lock lock(mutex_);
  spent_.training_thread_seconds += cost.training_thread_seconds;
  spent_.analysis_cpu_seconds += cost.analysis_cpu_seconds;
}

SpentCost Budget::spent() const {
  Lock lock(mutex_);
  return spent_;
}

SpentCost Budget::next_cost() const {
  Lock lock(mutex_);
  return next_cost_locked();
}

SpentCost Budget::next_cost_locked() const {
  return {last_.training_thread_seconds,
          last_.pass_cpu_seconds + (spectral_planned_ ? spectral_cost_ : 0)};
}

double Budget::overhead_ratio(double now) const {
  Lock lock(mutex_);
  return started_ ? spent_.ratio(now - started_at_, cores_) : 0;
}

}  // namespace azimuth
