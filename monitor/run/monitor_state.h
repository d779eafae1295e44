#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "azimuth/examine.h"
#include "azimuth/monitor.h"
#include "azimuth/tracker.h"
#include "run/exporter_worker.h"
#include "run/snapshot_schedule.h"
#include "run/spectral_schedule.h"
#include "run/status_board.h"

namespace azimuth::detail {

/// What a monitor is: shared by the `Monitor`, the attachments (weakly) and the analysis thread, so
/// that each may outlive the others.
///
/// Three threads meet here. The training thread calls `step`, `tap` and `detach`, takes snapshots
/// and owns `source_`. The analysis thread owns the tracker. Both, and whoever asks for the status,
/// share what `mutex_` guards, which is held for moments only.
class MonitorState : public std::enable_shared_from_this<MonitorState> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit MonitorState(MonitorOptions options);

  bool watches() const { return watches_; }
  void add(std::shared_ptr<Exporter> exporter);
  void set_base(Signature base);
  void use_first_snapshot_as_base();
  void add_reference(std::string name, Signature reference);

  void attach(std::unique_ptr<SnapshotSource> source);
  void step(StepInfo info) noexcept;
  void tap(std::int32_t block, const Eigen::Ref<const Eigen::MatrixXf>& hidden_states) noexcept;
  void detach() noexcept;

  bool finish(TimePoint deadline);
  bool drain(TimePoint deadline);
  /// Like `drain`, without waiting for exporters that could never be opened.
  bool settle(TimePoint deadline);
  /// Ends all threads; whatever has not ended by `deadline` is left behind.
  void shut_down(TimePoint deadline);
  MonitorStatus status() const { return board_->read(); }
  std::chrono::milliseconds shutdown_timeout() const { return options_.shutdown_timeout; }

 private:
  struct Snapshot {
    ModelWeights weights;
    StepInfo info;
    double time = 0;
    double training_thread_seconds = 0;
    std::vector<double> activation_norms;
    std::int64_t extra_bytes = 0;
    bool first = false;  // at attach: outside the budget
    bool last = false;   // by `finish`
  };

  class UntilStopped;

  void require_not_attached(const char* what) const;
  void choose_probe(const std::optional<RunHistory::LastKnown>& known);
  std::optional<RunHistory::LastKnown> ask_history();
  bool busy() const;  // with mutex_ held
  bool take_snapshot(StepInfo info, bool first, bool last);
  bool wait_for_analysis(TimePoint deadline);
  void end_run(TimePoint deadline);
  std::vector<double> take_activation_norms(std::size_t blocks);

  void analyse_snapshots();
  std::shared_ptr<const Record> analyse_snapshot(const Snapshot& snapshot, Workers& workers);
  void go_on_from_history(std::int64_t step);
  void account(const Snapshot& snapshot, double pass_cpu, double cpu, double wall,
               Observation& observation);
  void publish(const std::shared_ptr<const Record>& record);
  void count_failed_snapshot(const std::string& what);
  void log(LogLevel level, const std::string& message) const noexcept;

  const MonitorOptions options_;
  const std::shared_ptr<const Clock> clock_;
  const bool watches_;
  const double cores_;
  const std::shared_ptr<StatusBoard> board_;

  // Set before the threads start, constant afterwards.
  std::vector<std::shared_ptr<ExporterWorker>> exporters_;
  std::vector<std::int64_t> token_ids_;
  std::shared_ptr<RunHistory> history_;  // part of an exporter, which it keeps alive
  bool first_snapshot_is_base_ = false;
  std::shared_ptr<const Signature> base_;
  Tracker::References references_;

  // The training thread's.
  std::unique_ptr<SnapshotSource> source_;
  SnapshotSchedule schedule_;
  StepInfo last_step_;
  TimePoint end_deadline_;           // of `finish`, set before the last snapshot
  bool first_step_pending_ = false;  // a run that goes on: its first step tells where it is
  std::map<std::int32_t, double> tapped_norms_;

  // The analysis thread's.
  std::optional<Tracker> tracker_;
  std::int64_t attempt_ = 1;
  std::int64_t sequence_ = 0;
  std::optional<std::int64_t> resumed_after_step_;
  SpectralSchedule spectral_schedule_;
  SpectralStart spectral_start_;
  std::vector<BlockObservation> spectral_blocks_;  // the last that were computed

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable changed_;
  std::optional<Snapshot> pending_;
  bool analysing_ = false;
  bool attached_ = false;
  bool stop_ = false;
  bool thread_running_ = false;
  SpentCost next_cost_;  // what one more snapshot is expected to cost
};

}  // namespace azimuth::detail
