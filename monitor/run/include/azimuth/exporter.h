#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/observation.h"
#include "azimuth/signature.h"
#include "azimuth/tracker_state.h"

namespace azimuth {

/// Seconds in buckets, as Prometheus counts them: `counts[i]` is the number of values at most
/// `upper_bounds[i]`, not cumulative; the last bucket, without a bound, is `counts.back()`.
struct Histogram {
  static constexpr std::array<double, 12> upper_bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                          0.1,   0.25,   0.5,   1,    2.5,   10};
  std::array<std::uint64_t, upper_bounds.size() + 1> counts = {};
  double sum = 0;

  void add(double seconds);
};

/// What the monitor counts about itself. Complete from the start, all counters at 0.
struct MonitorStatus {
  std::string run = {};
  std::int64_t training_step = 0;
  std::optional<double> training_loss = {};  ///< NaN where training gave that
  bool nonfinite_weights = false;  ///< hidden states of the newest snapshot are not finite
  bool run_ended = false;
  double last_snapshot_time = kNotApplicable;           ///< seconds since 1970
  double snapshot_interval_seconds = kNotApplicable;    ///< between the last two snapshots
  std::map<std::string, std::uint64_t> snapshots = {};  ///< by outcome: analysed, skipped, failed
  std::map<std::string, std::uint64_t> events = {};     ///< by kind
  std::uint64_t callback_failures = 0;                  ///< of Monitor::on_event
  Histogram training_thread = {};  ///< seconds a snapshot held the training thread
  Histogram analysis = {};         ///< wall seconds of an analysis
  double training_thread_seconds = 0;
  double analysis_cpu_seconds = 0;
  double overhead_ratio = 0;
  double overhead_budget_ratio = 0;

  struct ExporterStatus {
    std::string name;
    std::uint64_t failures = 0;
    std::uint64_t queue_length = 0;
    std::uint64_t dropped = 0;  ///< records that it never got
  };
  std::vector<ExporterStatus> exporters = {};
};

/// Records of a run that an exporter has not taken, and will not take any more.
struct ExporterLoss {
  std::string exporter;
  std::int64_t records = 0;
};

/// One observation on its way out, with what a run needs to go on from it after a crash.
struct Record {
  Observation observation;
  TrackerState tracker;
  std::shared_ptr<const Signature> base;  ///< null without a base
};

/// A snapshot that came to nothing.
struct FailedSnapshot {
  std::string run;
  std::int64_t attempt = 1;
  std::int64_t step = 0;
  double time = kNotApplicable;  ///< seconds since 1970-01-01 UTC
  std::string reason;            ///< may hold anything
};

/// What `Exporter::open` throws where trying again cannot help: the file is not a history, its
/// folder is not there or cannot be written to. The exporter is given up, and its records are lost.
class ExporterUnusable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What `Exporter::claim` throws where another process that is alive records the same run.
class RunInUse : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Where a run that starts again finds itself. Implemented by the history store.
class RunHistory {
 public:
  virtual ~RunHistory() = default;

  struct LastKnown {
    std::int64_t attempt = 0;
    std::int64_t sequence = 0;
    std::int64_t step = 0;
    std::vector<std::int64_t> token_ids;    ///< of the run's probe
    std::shared_ptr<const Signature> base;  ///< null without a base
  };

  /// Called once, at attach, on the caller's thread. Nothing: the run is new. Throws
  /// std::runtime_error if the history cannot be read.
  virtual std::optional<LastKnown> last_known(std::string_view run) = 0;

  /// The state after the newest observation of a step smaller than `step`, if there is one. Called
  /// on the analysis thread. Throws std::runtime_error.
  virtual std::optional<TrackerState> state_before(std::string_view run, std::int64_t step) = 0;
};

/// Takes observations somewhere. The monitor gives each exporter a bounded queue and a thread of
/// its own, and calls everything but the constructor, the destructor, `claim` and `history` on that
/// thread, one call at a time. An exporter may therefore block, and may throw: a failure is logged
/// once, counted and shown as a metric, and never reaches training. It may also hang: nobody waits
/// for it longer than `finish` or the monitor's `shutdown_timeout` allow.
///
/// Construction checks the arguments, throws std::invalid_argument on misuse (a malformed address)
/// and does no work that can fail for other reasons: that belongs to `open`.
class Exporter {
 public:
  using StatusSource = std::function<MonitorStatus()>;  ///< thread-safe, cheap, never throws

  virtual ~Exporter() = default;

  /// Value of the metrics' label `exporter`: "prometheus", "grpc", "store", "console".
  virtual std::string_view name() const = 0;

  /// Called by `attach`, on the caller's thread, before everything else; again with the same run if
  /// `attach` has failed. Throws, and `attach` with it, where another run or another process is in
  /// the way: RunInUse, or std::invalid_argument within one program. Whatever else is wrong is left
  /// to `open`.
  virtual void claim(std::string_view run) { (void)run; }

  /// Binds the port, opens the file. Throws if it cannot now: it is called again later, until it
  /// succeeds. Throws ExporterUnusable if it never can: then nothing is called any more. `status`
  /// may be called at any time from any thread.
  virtual void open(StatusSource status) = 0;

  /// Takes one observation. Throws if it could not be taken. Then a lossless exporter is given the
  /// same record again later; others have lost it, and it is counted as dropped.
  virtual void write(const Record& record) = 0;

  /// The same of a snapshot that failed, where it came among the records. Of lossless exporters
  /// alone.
  virtual void write_failure(const FailedSnapshot& failure) { (void)failure; }

  /// The run ended by `finish`; all records have been written, and the status counts what others
  /// have dropped. May wait until `deadline` for consumers to see the end.
  virtual void end_run(std::chrono::steady_clock::time_point deadline) { (void)deadline; }

  /// A lossless exporter's queue never drops: while it is full, new snapshots are skipped and
  /// counted. Queues of others drop their oldest record, and count.
  virtual bool lossless() const { return false; }

  /// What this exporter remembers of earlier runs, if it does. Lives as long as the exporter.
  virtual RunHistory* history() { return nullptr; }

  /// What `end_run` would wait for, and how long at most, in words for the log; empty: nothing.
  virtual std::string end_waits_for(std::chrono::steady_clock::time_point deadline) {
    (void)deadline;
    return {};
  }

 private:
  friend class ExporterWorker;
  std::atomic<bool> given_ = false;  ///< to a monitor: an exporter serves one
};

}  // namespace azimuth
