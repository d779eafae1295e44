#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/clock.h"
#include "azimuth/exporter.h"
#include "azimuth/mutex.h"
#include "run/budget.h"

namespace azimuth {

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
  StatusBoard(std::string run, std::shared_ptr<const Budget> budget,
              std::shared_ptr<const Clock> clock);

  void add_exporter(std::string name, std::shared_ptr<const ExporterCounters> counters);

  template <class F>
  void change(F&& change) {
    Lock lock(mutex_);
    std::forward<F>(change)(status_);
  }
  MonitorStatus read() const;

 private:
  const std::shared_ptr<const Budget> budget_;
  const std::shared_ptr<const Clock> clock_;
  mutable Mutex mutex_;
  MonitorStatus status_ AZIMUTH_GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, std::shared_ptr<const ExporterCounters>>> exporters_
      AZIMUTH_GUARDED_BY(mutex_);
};

}  // namespace azimuth
