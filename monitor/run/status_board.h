#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/monitor.h"

namespace azimuth {

/// What a run has cost so far, the snapshot at attach apart (design, 4.2).
struct SpentCost {
  double training_thread_seconds = 0;
  double analysis_cpu_seconds = 0;

  /// Share of the machine in `wall` seconds on `cores` cores.
  double ratio(double wall, double cores) const {
    return wall > 0 ? training_thread_seconds / wall + analysis_cpu_seconds / (wall * cores) : 0;
  }
};

/// What one exporter counts.
struct ExporterCounters {
  std::atomic<std::uint64_t> failures = 0;
  std::atomic<std::uint64_t> queue_length = 0;
  std::atomic<std::uint64_t> dropped = 0;
};

/// Where everybody writes down what there is to say about a monitor, and exporters read it. Owns
/// neither monitor nor exporters: a scrape that is being answered keeps nothing else alive.
/// Thread-safe.
class StatusBoard {
 public:
  StatusBoard(const MonitorOptions& options, double cores, std::shared_ptr<const Clock> clock);

  void add_exporter(std::string name, std::shared_ptr<const ExporterCounters> counters);

  /// The run is watched from `now` on.
  void start(double now);
  void spend(const SpentCost& cost);
  SpentCost spent() const;
  double overhead_ratio() const;

  template <class F>
  void change(F&& change) {
    std::lock_guard lock(mutex_);
    std::forward<F>(change)(status_);
  }
  MonitorStatus read() const;

 private:
  double overhead_ratio_locked() const;

  const double cores_;
  const std::shared_ptr<const Clock> clock_;
  mutable std::mutex mutex_;
  MonitorStatus status_;
  std::vector<std::pair<std::string, std::shared_ptr<const ExporterCounters>>> exporters_;
  bool started_ = false;
  double started_at_ = 0;
  SpentCost spent_;
};

}  // namespace azimuth
