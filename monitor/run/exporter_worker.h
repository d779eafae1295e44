#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "azimuth/monitor.h"
#include "run/status_board.h"

namespace azimuth {

/// The bounded queue and the thread of one exporter. Whoever hangs, hangs here: the thread shares
/// ownership of all that it touches, so that it can be left behind.
class ExporterWorker : public std::enable_shared_from_this<ExporterWorker> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  ExporterWorker(std::shared_ptr<Exporter> exporter, std::size_t capacity,
                 std::chrono::milliseconds retry_interval, LogCallback log);

  /// Starts the thread.
  void start(Exporter::StatusSource status);

  bool lossless() const { return lossless_; }
  /// Valid until the thread has ended.
  const std::shared_ptr<Exporter>& exporter() { return exporter_; }
  bool full() const;
  /// Of a queue that may drop, the oldest record makes room. One that may not is asked `full`
  /// first.
  void push(std::shared_ptr<const Record> record);
  /// After the last record: calls the exporter's `end_run`.
  void end_run(TimePoint deadline);
  void count_failure(const std::string& what);

  /// Waits until the queue is empty, the exporter idle and an `end_run` done; false if it took
  /// longer.
  bool wait_idle(TimePoint deadline);
  /// The same, but an exporter that could never be opened, and may lose records, is not waited for.
  bool wait_ended(TimePoint deadline);
  /// Waits until the queue has room.
  bool wait_for_room(TimePoint deadline);
  /// Asks the thread to end; true if it has ended by `deadline`.
  bool stop(TimePoint deadline);

  const std::string& name() const { return name_; }
  std::shared_ptr<const ExporterCounters> counters() const { return counters_; }

 private:
  void run(const Exporter::StatusSource& status);
  bool open(const Exporter::StatusSource& status, std::unique_lock<std::mutex>& lock);
  void write_next(std::unique_lock<std::mutex>& lock);
  void note_failure(const std::string& what, std::unique_lock<std::mutex>& lock);
  void pause(std::unique_lock<std::mutex>& lock);
  bool idle() const { return queue_.empty() && !busy_ && !end_run_; }

  std::shared_ptr<Exporter> exporter_;  // let go by the thread, so that closing delays nobody else
  const std::string name_;
  const bool lossless_;
  const std::size_t capacity_;
  const std::chrono::milliseconds retry_interval_;
  const LogCallback log_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<const Record>> queue_;
  bool opened_ = false;
  bool busy_ = false;
  bool stop_ = false;
  bool stopped_ = true;
  bool failing_ = false;  // logged once, until it works again
  bool end_run_ = false;
  TimePoint end_run_deadline_;
  const std::shared_ptr<ExporterCounters> counters_ = std::make_shared<ExporterCounters>();
};

}  // namespace azimuth
