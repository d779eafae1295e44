#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "azimuth/monitor.h"
#include "run/analyst.h"
#include "run/beginning.h"
#include "run/budget.h"
#include "run/event_calls.h"
#include "run/exporter_worker.h"
#include "run/mailbox.h"
#include "run/status_board.h"
#include "run/taps.h"

namespace azimuth::detail {

/// What a monitor is: shared by the `Monitor`, the attachments (weakly) and the analysis thread, so
/// that each may outlive the others.
///
/// The training thread calls everything but `status` and `shut_down`, and owns `source_`. The
/// analysis thread owns the analyst. What they share is thread-safe by itself: mailbox, budget,
/// status board, exporter workers.
class MonitorState : public std::enable_shared_from_this<MonitorState> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit MonitorState(MonitorOptions options);

  bool watches() const { return watches_; }
  void add(std::shared_ptr<Exporter> exporter);
  void set_base(Signature base);
  void use_first_snapshot_as_base();
  void add_reference(std::string name, Signature reference);

  void on_event(EventCallback callback);
  void begin_at(std::int64_t step);

  void attach(std::unique_ptr<SnapshotSource> source);
  void step(StepInfo info) noexcept;
  void tap(std::int32_t block, std::int64_t hidden_size, const StatesToCome& begin) noexcept;
  void detach() noexcept;

  FinishReport finish(TimePoint deadline);
  /// What is lost as things stand.
  FinishReport report(bool in_time) const;
  /// Once.
  void log_losses(const FinishReport& report);
  /// Waits until what was taken is analysed and the exporters are so far.
  bool wait(ExporterWorker::Until until, TimePoint deadline);
  /// Ends all threads; whatever has not ended by `deadline` is left behind.
  void shut_down(TimePoint deadline);
  MonitorStatus status() const { return board_->read(); }
  std::chrono::milliseconds shutdown_timeout() const { return options_.shutdown_timeout; }

 private:
  void require_not_attached(const char* what) const;
  std::optional<RunHistory::LastKnown> ask_history();
  bool busy() const;
  bool take_snapshot(std::optional<StepInfo> info, bool first, std::optional<TimePoint> end_of_run);
  void begin(std::int64_t step);
  void note_loss(const StepInfo& info);
  void call_back();
  void end_run(TimePoint deadline);

  void run_analysis();
  std::optional<std::string> analyse(Snapshot snapshot, Workers& workers);
  void publish(std::shared_ptr<const Record> record);
  void count_failed_snapshot(std::int64_t step, const std::string& what);

  const MonitorOptions options_;
  const std::shared_ptr<const Clock> clock_;
  const bool watches_;
  const std::shared_ptr<Budget> budget_;
  const std::shared_ptr<StatusBoard> board_;
  Mailbox mailbox_;
  EventCalls event_calls_;
  std::atomic<bool> attached_ = false;

  // Set before the analysis thread starts, constant afterwards.
  std::vector<std::shared_ptr<ExporterWorker>> exporters_;
  Beginning beginning_;

  // The training thread's.
  std::unique_ptr<SnapshotSource> source_;
  Taps taps_;
  bool bad_tap_logged_ = false;
  std::int64_t hidden_size_ = 0;
  std::int64_t block_count_ = 0;
  std::optional<StepInfo> nonfinite_loss_;  // the first one since the last snapshot
  bool loss_is_nonfinite_ = false;
  bool attached_once_ = false;
  StepInfo last_step_;
  bool losses_logged_ = false;
  bool first_step_pending_ = false;  // a run that goes on: its first step tells where it is
  std::optional<std::int64_t> begins_at_;
  bool has_begun_ = false;  // the step of the weights at attach is known

  std::optional<Analyst> analyst_;  // the analysis thread's
};

}  // namespace azimuth::detail
