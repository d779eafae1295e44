#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "azimuth/exporter.h"

namespace azimuth::testing {

/// An exporter that keeps what it is given. Faults are put in through its hooks, which may throw or
/// block.
class RecordingExporter : public Exporter {
 public:
  std::function<void()> on_open;
  std::function<void(const Record&)> on_write;
  std::function<void()> on_end_run;
  bool is_lossless = false;
  std::string label = "recording";

  std::string_view name() const override { return label; }
  bool lossless() const override { return is_lossless; }
  void open(StatusSource status) override {
    if (on_open) on_open();
    status_ = std::move(status);
  }
  void write(const Record& record) override {
    if (on_write) on_write(record);
    std::lock_guard lock(mutex_);
    records_.push_back(record);
    changed_.notify_all();
  }
  void write_failure(const FailedSnapshot& failure) override {
    std::lock_guard lock(mutex_);
    failures_.push_back(failure);
  }
  void end_run(std::chrono::steady_clock::time_point) override {
    if (on_end_run) on_end_run();
  }

  std::vector<Record> records() const {
    std::lock_guard lock(mutex_);
    return records_;
  }
  std::vector<Observation> observations() const {
    std::vector<Observation> all;
    for (const Record& record : records()) all.push_back(record.observation);
    return all;
  }
  std::vector<FailedSnapshot> failures() const {
    std::lock_guard lock(mutex_);
    return failures_;
  }
  MonitorStatus status() const { return status_(); }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Record> records_;
  std::vector<FailedSnapshot> failures_;
  StatusSource status_;
};

/// Opened once, for ever. Threads wait at it without sleeping.
class Gate {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// Waits until the gate is open; somebody who waits can be waited for.
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  bool wait_for_somebody(std::chrono::seconds timeout = std::chrono::seconds(30)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [&] { return waiting_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

}  // namespace azimuth::testing
