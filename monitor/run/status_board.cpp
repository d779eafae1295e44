#include "run/status_board.h"

namespace azimuth {

StatusBoard::StatusBoard(const MonitorOptions& options, double cores,
                         std::shared_ptr<const Clock> clock)
    : cores_(cores), clock_(std::move(clock)) {
  status_.run = options.run;
  status_.overhead_budget_ratio = options.max_overhead;
  for (const char* outcome : {"analysed", "skipped", "failed"}) status_.snapshots[outcome] = 0;
  for (std::string_view kind : event_kind::all) status_.events[std::string(kind)] = 0;
}

void StatusBoard::add_exporter(std::string name, std::shared_ptr<const ExporterCounters> counters) {
  std::lock_guard lock(mutex_);
  exporters_.emplace_back(std::move(name), std::move(counters));
}

void StatusBoard::start(double now) {
  std::lock_guard lock(mutex_);
  started_ = true;
  started_at_ = now;
}

void StatusBoard::spend(const SpentCost& cost) {
  std::lock_guard lock(mutex_);
  spent_.training_thread_seconds += cost.training_thread_seconds;
  spent_.analysis_cpu_seconds += cost.analysis_cpu_seconds;
}

SpentCost StatusBoard::spent() const {
  std::lock_guard lock(mutex_);
  return spent_;
}

double StatusBoard::overhead_ratio() const {
  std::lock_guard lock(mutex_);
  return overhead_ratio_locked();
}

double StatusBoard::overhead_ratio_locked() const {
  return started_ ? spent_.ratio(clock_->monotonic_seconds() - started_at_, cores_) : 0;
}

MonitorStatus StatusBoard::read() const {
  std::lock_guard lock(mutex_);
  MonitorStatus status = status_;
  status.training_thread_seconds = spent_.training_thread_seconds;
  status.analysis_cpu_seconds = spent_.analysis_cpu_seconds;
  status.overhead_ratio = overhead_ratio_locked();
  for (const auto& [name, counters] : exporters_) {
    status.exporters.push_back(
        {name, counters->failures, counters->queue_length, counters->dropped});
  }
  return status;
}

}  // namespace azimuth
