#include "run/status_board.h"

namespace azimuth {

StatusBoard::StatusBoard(std::string run, std::shared_ptr<const Budget> budget,
                         std::shared_ptr<const Clock> clock)
    : budget_(std::move(budget)), clock_(std::move(clock)) {
  status_.run = std::move(run);
  status_.overhead_budget_ratio = budget_->max_overhead();
  for (const char* outcome : {"analysed", "skipped", "failed"}) status_.snapshots[outcome] = 0;
  for (std::string_view kind : event_kind::all) status_.events[std::string(kind)] = 0;
}

void StatusBoard::add_exporter(std::string name, std::shared_ptr<const ExporterCounters> counters) {
  Lock lock(mutex_);
  exporters_.emplace_back(std::move(name), std::move(counters));
}

MonitorStatus StatusBoard::read() const {
  Lock lock(mutex_);
  MonitorStatus status = status_;
  const SpentCost spent = budget_->spent();
  status.training_thread_seconds = spent.training_thread_seconds;
  status.analysis_cpu_seconds = spent.analysis_cpu_seconds;
  status.overhead_ratio = budget_->overhead_ratio(clock_->monotonic_seconds());
  for (const auto& [name, counters] : exporters_) {
    status.exporters.push_back(
        {name, counters->failures, counters->queue_length, counters->dropped});
  }
  return status;
}

}  // namespace azimuth
