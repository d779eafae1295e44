#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "azimuth/exporter.h"
#include "azimuth/monitor.h"
#include "azimuth/mutex.h"

namespace azimuth {

/// Carries events from the analysis thread to the callbacks on the training thread. Thread-safe,
/// but for `add`, which comes before everything else.
class EventCalls {
 public:
  void add(EventCallback callback) { callbacks_.push_back(std::move(callback)); }

  /// The analysis thread's.
  void put(std::shared_ptr<const Record> record);

  /// Calls every callback with every event that has come, on the calling thread. What one throws is
  /// given to `failed`.
  void call(const std::function<void(const std::string&)>& failed);

 private:
  std::vector<EventCallback> callbacks_;
  Mutex mutex_;
  std::vector<std::shared_ptr<const Record>> waiting_ AZIMUTH_GUARDED_BY(mutex_);
};

}  // namespace azimuth
