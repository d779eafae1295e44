#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "azimuth/monitor.h"
#include "azimuth/mutex.h"
#include "run/status_board.h"

namespace azimuth {

/// The bounded queue and the thread of one exporter. Whoever hangs, hangs here: the thread shares
/// ownership of all that it touches, so that it can be left behind. Thread-safe.
class ExporterWorker : public std::enable_shared_from_this<ExporterWorker> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  /// What is queued.
  using Item = std::variant<std::shared_ptr<const Record>, std::shared_ptr<const FailedSnapshot>>;

  /// Throws std::invalid_argument if the exporter has been given to a monitor before.
  ExporterWorker(std::shared_ptr<Exporter> exporter, std::size_t capacity,
                 std::chrono::milliseconds retry_interval, LogCallback log);

  /// Starts the thread.
  void start(Exporter::StatusSource status);

  bool lossless() const { return lossless_; }
  /// Before `start`.
  std::shared_ptr<Exporter> exporter() const;
  bool full() const;
  /// Of a queue that may drop, the oldest record makes room. One that may not is asked `full`
  /// first. An exporter that is given up loses the record.
  void push(Item record);
  /// After the last record: calls the exporter's `end_run`. One that never opened, and may lose
  /// records, has lost them now.
  void end_run(TimePoint deadline);
  /// Asks the thread to end.
  void stop();
  void count_failure(const std::string& what);
  /// Records that it has dropped, or not taken yet.
  std::int64_t lost() const;
  /// Why the last call that failed did; empty: none did.
  std::string last_failure() const;

  enum class Until {
    room,     ///< the queue has room
    written,  ///< the queue is empty, the exporter idle and an `end_run` done; or it is given up
    settled,  ///< the same, but an exporter that never opened, and may lose records, is given up
    ended,    ///< the thread has ended, or never started
  };
  /// False if it took longer, or can no longer come.
  bool wait(Until until, TimePoint deadline);

  const std::string& name() const { return name_; }
  std::shared_ptr<const ExporterCounters> counters() const { return counters_; }

 private:
  enum class Phase { fresh, opening, serving, given_up, ended };

  void run(const Exporter::StatusSource& status);
  // These let go of the mutex while somebody else's code runs.
  void open(Exporter& exporter, const Exporter::StatusSource& status) AZIMUTH_REQUIRES(mutex_);
  void write_next(Exporter& exporter) AZIMUTH_REQUIRES(mutex_);
  void end(Exporter& exporter) AZIMUTH_REQUIRES(mutex_);
  std::optional<std::string> outside(const std::function<void()>& call) AZIMUTH_REQUIRES(mutex_);
  bool is_hopeless() const AZIMUTH_REQUIRES(mutex_);
  void drop_all() AZIMUTH_REQUIRES(mutex_);
  void give_up(const std::string& why) AZIMUTH_REQUIRES(mutex_);
  void note_failure(const std::string& what) AZIMUTH_REQUIRES(mutex_);
  void count(const std::string& failure) AZIMUTH_REQUIRES(mutex_);
  void log(LogLevel level, const std::string& what) AZIMUTH_REQUIRES(mutex_);
  void pause() AZIMUTH_REQUIRES(mutex_);
  bool has_come(Until until) const AZIMUTH_REQUIRES(mutex_);
  bool takes_no_more() const AZIMUTH_REQUIRES(mutex_);

  const std::string name_;
  const bool lossless_;
  const std::size_t capacity_;
  const std::chrono::milliseconds retry_interval_;
  const LogCallback log_;
  const std::shared_ptr<ExporterCounters> counters_ = std::make_shared<ExporterCounters>();

  mutable Mutex mutex_;
  Condition wake_;
  Condition changed_;
  /// Taken over by the thread, so that closing it delays nobody else.
  std::shared_ptr<Exporter> exporter_ AZIMUTH_GUARDED_BY(mutex_);
  std::deque<Item> queue_ AZIMUTH_GUARDED_BY(mutex_);
  std::optional<TimePoint> end_of_run_ AZIMUTH_GUARDED_BY(mutex_);  ///< asked for, not yet done
  Phase phase_ AZIMUTH_GUARDED_BY(mutex_) = Phase::fresh;
  bool writing_ AZIMUTH_GUARDED_BY(mutex_) = false;
  bool failing_ AZIMUTH_GUARDED_BY(mutex_) = false;  ///< logged once, until it works again
  std::string last_failure_ AZIMUTH_GUARDED_BY(mutex_);
  bool stop_ AZIMUTH_GUARDED_BY(mutex_) = false;
};

}  // namespace azimuth
