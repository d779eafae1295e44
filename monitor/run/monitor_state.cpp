#include "run/monitor_state.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <utility>

#include "azimuth/guarded.h"
#include "azimuth/utf8.h"

namespace azimuth::detail {
namespace {

bool is_watching_rank(int rank) {
  if (rank >= 0) return rank == 0;
  const char* text = std::getenv("RANK");
  return text == nullptr || std::atoi(text) == 0;
}

MonitorOptions checked(MonitorOptions options) {
  if (options.run.empty()) throw std::invalid_argument("the run needs a name");
  if (!is_utf8(options.run)) {  // neither Prometheus nor Protobuf would take it
    throw std::invalid_argument("the name of the run is not UTF-8");
  }
  options.thresholds.check();
  if (options.token_ids.empty() && options.probe_size < 1) {
    throw std::invalid_argument("probe_size must be at least 1");
  }
  if (options.analysis_threads < 1) {
    throw std::invalid_argument("analysis_threads must be at least 1");
  }
  if (options.queue_capacity < 1) {
    throw std::invalid_argument("queue_capacity must be at least 1");
  }
  if (options.shutdown_timeout.count() < 0 || options.retry_interval.count() <= 0) {
    throw std::invalid_argument("timeouts must not be negative");
  }
  if (!options.log) options.log = [](LogLevel, std::string_view) {};
  return options;
}

/// Ends an examination once the monitor is being shut down.
class UntilClosed : public Progress {
 public:
  explicit UntilClosed(const Mailbox& mailbox) : mailbox_(mailbox) {}
  bool cancelled() override { return mailbox_.closed(); }

 private:
  const Mailbox& mailbox_;
};

}  // namespace

MonitorState::MonitorState(MonitorOptions options)
    : options_(checked(std::move(options))),
      clock_(options_.clock ? options_.clock : std::make_shared<const Clock>()),
      watches_(is_watching_rank(options_.rank)),
      budget_(std::make_shared<Budget>(options_.snapshot_interval, options_.max_overhead,
                                       std::max(1u, std::thread::hardware_concurrency()))),
      board_(std::make_shared<StatusBoard>(options_.run, budget_, clock_)) {}

void MonitorState::require_not_attached(const char* what) const {
  if (!attached_once_) return;
  throw std::invalid_argument(std::string(what) + " must come before attach: the monitor is " +
                              (attached_ ? "already attached" : "detached, or has finished"));
}

void MonitorState::add(std::shared_ptr<Exporter> exporter) {
  require_not_attached("add");
  if (!exporter) throw std::invalid_argument("no exporter given");
  exporters_.push_back(std::make_shared<ExporterWorker>(
      std::move(exporter), options_.queue_capacity, options_.retry_interval, options_.log));
  board_->add_exporter(exporters_.back()->name(), exporters_.back()->counters());
}

void MonitorState::set_base(Signature base) {
  require_not_attached("set_base");
  beginning_.base = std::make_shared<const Signature>(std::move(base));
}

void MonitorState::use_first_snapshot_as_base() {
  require_not_attached("use_first_snapshot_as_base");
  beginning_.first_snapshot_is_base = true;
}

void MonitorState::add_reference(std::string name, Signature reference) {
  require_not_attached("add_reference");
  if (name.empty() || name == "previous" || name == "base") {
    throw std::invalid_argument("a reference cannot be named '" + name + "'");
  }
  for (const auto& [taken, signature] : beginning_.references) {
    if (taken == name) throw std::invalid_argument("there is a reference '" + name + "' already");
  }
  beginning_.references.emplace_back(std::move(name),
                                     std::make_shared<const Signature>(std::move(reference)));
}

void MonitorState::on_event(EventCallback callback) {
  require_not_attached("on_event");
  if (!callback) throw std::invalid_argument("no callback given");
  event_calls_.add(std::move(callback));
}

void MonitorState::begin_at(std::int64_t step) {
  if (step < 0) throw std::invalid_argument("attach: the step to begin at must not be negative");
  begins_at_ = step;
}

// ---- the caller's thread: attach, detach, the end

void MonitorState::attach(std::unique_ptr<SnapshotSource> source) {
  if (!watches_) return;
  if (attached_once_) {
    throw std::invalid_argument(attached_ ? "attach: the monitor is already attached"
                                          : "attach: the monitor is detached, or has finished");
  }
  for (const auto& worker : exporters_) worker->exporter()->claim(options_.run);
  source_ = std::move(source);
  const std::optional<RunHistory::LastKnown> known = ask_history();
  if (known) {
    beginning_.go_on_from(*known, options_.queue_capacity);
    first_step_pending_ = true;
    has_begun_ = true;
    last_step_.step = known->step;
  }
  hidden_size_ = source_->hidden_size();
  block_count_ = source_->block_count();
  beginning_.check_signatures(hidden_size_);
  beginning_.choose_probe(known ? &*known : nullptr, options_, source_->architecture(),
                          source_->vocab_size());
  for (std::string& warning : source_->warnings()) {
    beginning_.warnings.push_back(std::move(warning));
  }
  guarded([&] {
    const std::string what = source_->description();
    if (!what.empty()) options_.log(LogLevel::info, what);
    for (const std::string& warning : beginning_.warnings) {
      options_.log(LogLevel::warning, warning);
    }
  });
  analyst_.emplace(options_, beginning_, budget_, board_, clock_);
  beginning_.history.reset();  // the last to hold the store closes it: not a thread that trains
  // Before any thread is started: what cannot be captured throws, and leaves nothing behind.
  if (!known) take_snapshot({}, /*first=*/true, {});
  for (const auto& exporter : exporters_) {
    exporter->start([board = board_] { return board->read(); });
  }
  mailbox_.open();
  attached_ = attached_once_ = true;
  budget_->start(clock_->monotonic_seconds());
  if (!known && begins_at_) begin(*begins_at_);
  std::thread([self = shared_from_this()] { self->run_analysis(); }).detach();
}

void MonitorState::begin(std::int64_t step) {
  if (!attached_once_ || std::exchange(has_begun_, true)) return;
  last_step_.step = step;
  budget_->begin(step);
  mailbox_.begin(step);
}

std::optional<RunHistory::LastKnown> MonitorState::ask_history() {
  for (const auto& worker : exporters_) {
    const std::shared_ptr<Exporter> exporter = worker->exporter();
    RunHistory* history = exporter->history();
    if (history == nullptr) continue;
    beginning_.history = std::shared_ptr<RunHistory>(exporter, history);
    std::optional<RunHistory::LastKnown> known;
    const auto failure = guarded([&] { known = history->last_known(options_.run); });
    if (failure) worker->count_failure("begins without its history: " + *failure);
    return known;
  }
  return std::nullopt;
}

void MonitorState::detach() noexcept {
  guarded([&] {
    attached_ = false;
    source_.reset();
  });
}

FinishReport MonitorState::finish(TimePoint deadline) {
  if (!mailbox_.is_read()) return {};
  begin(0);
  bool in_time = mailbox_.wait_idle(deadline);
  for (const auto& exporter : exporters_) {
    if (exporter->lossless()) {
      in_time = exporter->wait(ExporterWorker::Until::room, deadline) && in_time;
    }
  }
  bool last_taken = false;
  if (in_time && attached_) {
    const auto failure =
        guarded([&] { last_taken = take_snapshot(last_step_, /*first=*/false, deadline); });
    if (failure) count_failed_snapshot(last_step_.step, *failure);
  }
  // Where there is a last record, the end of the run follows it from the analysis thread.
  if (!last_taken) end_run(deadline);
  in_time = wait(ExporterWorker::Until::settled, deadline) && in_time;
  call_back();
  detach();
  FinishReport report = this->report(in_time);
  log_losses(report);
  return report;
}

FinishReport MonitorState::report(bool in_time) const {
  FinishReport report = {.in_time = in_time};
  report.failed_snapshots = static_cast<std::int64_t>(board_->read().snapshots.at("failed"));
  for (const auto& exporter : exporters_) {
    if (const std::int64_t records = exporter->lost(); records > 0) {
      report.losses.push_back({exporter->name(), records});
    }
  }
  return report;
}

void MonitorState::log_losses(const FinishReport& report) {
  if (report || std::exchange(losses_logged_, true)) return;
  std::string text = report.in_time ? "" : "the time ran out";
  const auto add = [&](const std::string& what) { text += (text.empty() ? "" : "; ") + what; };
  if (report.failed_snapshots > 0) {
    add(std::to_string(report.failed_snapshots) + " snapshots failed");
  }
  for (const auto& exporter : exporters_) {
    const std::int64_t records = exporter->lost();
    if (records == 0) continue;
    const std::string why = exporter->last_failure();
    add("exporter " + exporter->name() + " has not taken " + std::to_string(records) + " records" +
        (why.empty() ? "" : " (" + why + ")"));
  }
  guarded([&] { options_.log(LogLevel::warning, "at the end of the run: " + text); });
}

void MonitorState::end_run(TimePoint deadline) {
  board_->change([](MonitorStatus& status) { status.run_ended = true; });
  // Those that keep a history last: it has what the others have lost.
  for (const bool lossless : {false, true}) {
    for (const auto& exporter : exporters_) {
      if (exporter->lossless() == lossless) exporter->end_run(deadline);
    }
  }
}

bool MonitorState::wait(ExporterWorker::Until until, TimePoint deadline) {
  begin(0);
  bool in_time = mailbox_.wait_idle(deadline);
  for (const auto& exporter : exporters_) in_time = exporter->wait(until, deadline) && in_time;
  return in_time;
}

void MonitorState::shut_down(TimePoint deadline) {
  attached_ = false;
  mailbox_.close();
  for (const auto& exporter : exporters_) exporter->stop();
  for (const auto& exporter : exporters_) exporter->wait(ExporterWorker::Until::ended, deadline);
  mailbox_.wait_left(deadline);
}

// ---- the training thread

void MonitorState::step(StepInfo info) noexcept {
  if (!attached_) return;
  call_back();
  if (!attached_) return;  // a callback has detached
  double now = 0;
  const auto failure = guarded([&] {
    now = clock_->monotonic_seconds();
    board_->change([&](MonitorStatus& status) {
      status.training_step = info.step;
      status.training_loss = info.loss;
    });
    const bool first = std::exchange(first_step_pending_, false);
    if (first) {
      budget_->start(now);
      budget_->begin(info.step);
    }
    taps_.step();
    begin(info.step - 1);
    note_loss(info);
    const bool due = first || budget_->due(info.step, now, !busy());
    last_step_ = info;
    if (due) take_snapshot(info, first, {});
    if (first) return;  // outside the budget, like a snapshot at attach
    budget_->spend({.training_thread_seconds = clock_->monotonic_seconds() - now});
  });
  if (!failure) return;
  guarded([&] {
    budget_->spend({.training_thread_seconds = clock_->monotonic_seconds() - now});
    count_failed_snapshot(info.step, *failure);
  });
}

void MonitorState::note_loss(const StepInfo& info) {
  const bool nonfinite = info.loss && !std::isfinite(*info.loss);
  if (nonfinite && !loss_is_nonfinite_) nonfinite_loss_ = info;
  loss_is_nonfinite_ = nonfinite;
}

// Not part of what watching costs: it is the training program's own code.
void MonitorState::call_back() {
  guarded([&] {
    event_calls_.call([&](const std::string& what) {
      bool first = false;
      board_->change([&](MonitorStatus& status) { first = ++status.callback_failures == 1; });
      if (first) options_.log(LogLevel::error, "a callback for events has thrown: " + what);
    });
  });
}

void MonitorState::tap(std::int32_t block, std::int64_t hidden_size,
                       const StatesToCome& begin) noexcept {
  if (!attached_) return;
  guarded([&] {
    const double before = clock_->monotonic_seconds();
    if (block >= 0 && block <= block_count_ && hidden_size == hidden_size_) {
      taps_.tap(block, begin(options_.thresholds.high_norm_ratio));
    } else if (!std::exchange(bad_tap_logged_, true)) {
      options_.log(LogLevel::warning,
                   "tapped states after block " + std::to_string(block) + " of width " +
                       std::to_string(hidden_size) + " are left out: the model has " +
                       std::to_string(block_count_) + " blocks and hidden size " +
                       std::to_string(hidden_size_));
    }
    budget_->spend({.training_thread_seconds = clock_->monotonic_seconds() - before});
  });
}

bool MonitorState::busy() const {
  return mailbox_.busy() ||
         std::ranges::any_of(exporters_, [](const auto& e) { return e->lossless() && e->full(); });
}

bool MonitorState::take_snapshot(std::optional<StepInfo> info, bool first,
                                 std::optional<TimePoint> end_of_run) {
  if (busy()) {
    board_->change([](MonitorStatus& status) { ++status.snapshots["skipped"]; });
    return false;
  }
  const double before = clock_->monotonic_seconds();
  // The digest needs all tensors; it is made of the first and the last snapshot.
  ModelWeights weights = source_->capture(beginning_.token_ids, first || end_of_run);
  Taps::Taken taken = taps_.take(weights.blocks().size());
  const double seconds = clock_->monotonic_seconds() - before;
  const double time = clock_->unix_seconds();
  board_->change([&](MonitorStatus& status) {
    if (!std::isnan(status.last_snapshot_time)) {
      status.snapshot_interval_seconds = time - status.last_snapshot_time;
    }
    status.last_snapshot_time = time;
    status.training_thread.add(seconds);
  });
  mailbox_.put({.facts = {.info = info,
                          .time = time,
                          .training_thread_seconds = seconds,
                          .extra_bytes = source_->extra_bytes(),
                          .first = first,
                          .nonfinite_loss = std::exchange(nonfinite_loss_, std::nullopt),
                          .end_of_run = end_of_run},
                .weights = std::move(weights),
                .taken = std::move(taken)});
  return true;
}

// ---- the analysis thread

void MonitorState::run_analysis() {
  lower_thread_priority(budget_->priority());
  Workers workers(options_.analysis_threads, budget_->priority());
  while (auto post = mailbox_.take()) {
    if (post->begin) guarded([&] { publish(analyst_->begin(*post->begin)); });
    if (!post->snapshot) {
      mailbox_.done([] {});
      continue;
    }
    const auto end_of_run = post->snapshot->facts.end_of_run;
    const std::int64_t step = post->snapshot->facts.info.value_or(StepInfo{}).step;
    const auto failure = analyse(*std::exchange(post->snapshot, std::nullopt), workers);
    if (failure && !mailbox_.closed()) count_failed_snapshot(step, *failure);
    if (end_of_run) end_run(*end_of_run);
    mailbox_.done([&] {
      if (failure) return;
      board_->change([](MonitorStatus& status) { ++status.snapshots["analysed"]; });
    });
  }
  analyst_.reset();  // with the history, before anybody who waits goes on
  mailbox_.leave();
}

// Gives what went wrong. Lets go of the snapshot: its buffer is free before anybody may capture.
std::optional<std::string> MonitorState::analyse(Snapshot snapshot, Workers& workers) {
  const auto cpu_seconds = [&] { return clock_->thread_cpu_seconds() + workers.cpu_seconds(); };
  const double cpu_before = cpu_seconds();
  const auto failure = guarded([&] {
    UntilClosed progress(mailbox_);
    publish(analyst_->analyse(snapshot, workers, progress));
  });
  if (failure) budget_->spend({.analysis_cpu_seconds = cpu_seconds() - cpu_before});
  return failure;
}

void MonitorState::publish(std::shared_ptr<const Record> record) {
  if (!record) return;
  for (const auto& exporter : exporters_) exporter->push(record);
  event_calls_.put(std::move(record));
}

void MonitorState::count_failed_snapshot(std::int64_t step, const std::string& what) {
  bool first = false;
  board_->change([&](MonitorStatus& status) { first = ++status.snapshots["failed"] == 1; });
  guarded([&] {
    const auto failed = std::make_shared<const FailedSnapshot>(
        FailedSnapshot{options_.run, beginning_.attempt, step, clock_->unix_seconds(), what});
    for (const auto& exporter : exporters_) {
      if (exporter->lossless()) exporter->push(failed);
    }
  });
  if (!first) return;
  guarded([&] { options_.log(LogLevel::error, "a snapshot failed: " + what); });
}

}  // namespace azimuth::detail
