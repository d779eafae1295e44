#include "run/monitor_state.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "azimuth/guarded.h"
#include "azimuth/median.h"
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

}  // namespace

MonitorState::MonitorState(MonitorOptions options)
    : options_(checked(std::move(options))),
      clock_(options_.clock ? options_.clock : std::make_shared<const Clock>()),
      watches_(is_watching_rank(options_.rank)),
      cores_(std::max(1u, std::thread::hardware_concurrency())),
      board_(std::make_shared<StatusBoard>(options_, cores_, clock_)),
      schedule_(options_.snapshot_interval, options_.max_overhead, cores_),
      spectral_schedule_(options_.snapshot_interval.kind) {}

void MonitorState::require_not_attached(const char* what) const {
  std::lock_guard lock(mutex_);
  if (thread_running_) {
    throw std::invalid_argument(std::string("") + what + " must come before attach");
  }
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
  base_ = std::make_shared<const Signature>(std::move(base));
}

void MonitorState::use_first_snapshot_as_base() {
  require_not_attached("use_first_snapshot_as_base");
  first_snapshot_is_base_ = true;
}

void MonitorState::add_reference(std::string name, Signature reference) {
  require_not_attached("add_reference");
  if (name.empty() || name == "previous" || name == "base") {
    throw std::invalid_argument("a reference cannot be named '" + name + "'");
  }
  references_.emplace_back(std::move(name),
                           std::make_shared<const Signature>(std::move(reference)));
}

// ---- the caller's thread: attach, detach, the end

void MonitorState::attach(std::unique_ptr<SnapshotSource> source) {
  if (!watches_) return;
  require_not_attached("attach");
  source_ = std::move(source);
  const std::optional<RunHistory::LastKnown> known = ask_history();
  if (known) {
    attempt_ = known->attempt + 1;
    // What was in the store's queue when the process ended is lost, and others may have seen it.
    sequence_ = known->sequence + static_cast<std::int64_t>(options_.queue_capacity) + 1;
    resumed_after_step_ = known->step;
    first_step_pending_ = true;
    last_step_.step = known->step;
    if (!base_) base_ = known->base;
    if (base_) first_snapshot_is_base_ = false;
  }
  choose_probe(known);
  tracker_.emplace(options_.thresholds, references_);
  if (base_) tracker_->set_base(base_);

  // Before any thread is started: what cannot be captured throws, and leaves nothing behind.
  if (!known) {
    take_snapshot({}, /*first=*/true, /*last=*/false);
  }
  for (const auto& exporter : exporters_) {
    exporter->start([board = board_] { return board->read(); });
  }
  {
    std::lock_guard lock(mutex_);
    attached_ = true;
    thread_running_ = true;
  }
  const double now = clock_->monotonic_seconds();
  board_->start(now);
  schedule_.start(0, now);
  std::thread([self = shared_from_this()] { self->analyse_snapshots(); }).detach();
}

std::optional<RunHistory::LastKnown> MonitorState::ask_history() {
  for (const auto& worker : exporters_) {
    RunHistory* history = worker->exporter()->history();
    if (history == nullptr) continue;
    history_ = std::shared_ptr<RunHistory>(worker->exporter(), history);
    std::optional<RunHistory::LastKnown> known;
    const auto failure = guarded([&] { known = history->last_known(options_.run); });
    if (failure) worker->count_failure("begins without its history: " + *failure);
    return known;
  }
  return std::nullopt;
}

void MonitorState::choose_probe(const std::optional<RunHistory::LastKnown>& known) {
  const std::int64_t vocab_size = source_->vocab_size();
  const std::vector<std::int64_t>& special = source_->architecture().special_token_ids;
  if (base_ && !base_->probe.token_ids.empty()) {
    token_ids_ = base_->probe.token_ids;
  } else if (known && !known->token_ids.empty()) {
    token_ids_ = known->token_ids;
  } else if (!options_.token_ids.empty()) {
    token_ids_ = options_.token_ids;
  } else {
    if (special.empty()) {
      log(LogLevel::warning,
          "the architecture names no special token ids; ids 0 to 7 stand for them in the probe");
    }
    token_ids_ = default_probe(special, vocab_size, options_.probe_size);
  }
  for (std::int64_t id : token_ids_) {
    if (id < 0 || id >= vocab_size) {
      throw std::invalid_argument("probe token id " + std::to_string(id) +
                                  " lies outside the vocabulary of " + std::to_string(vocab_size));
    }
  }
}

void MonitorState::detach() noexcept {
  guarded([&] {
    {
      std::lock_guard lock(mutex_);
      attached_ = false;
    }
    source_.reset();
  });
}

bool MonitorState::finish(TimePoint deadline) {
  bool attached = false;
  {
    std::lock_guard lock(mutex_);
    if (!thread_running_) return true;
    attached = attached_;
  }
  bool in_time = wait_for_analysis(deadline);
  for (const auto& exporter : exporters_) {
    if (exporter->lossless()) in_time = exporter->wait_for_room(deadline) && in_time;
  }
  bool last_taken = false;
  if (in_time && attached) {
    end_deadline_ = deadline;
    const auto failure =
        guarded([&] { last_taken = take_snapshot(last_step_, /*first=*/false, /*last=*/true); });
    if (failure) count_failed_snapshot(*failure);
  }
  // Where there is a last record, the end of the run follows it from the analysis thread.
  if (!last_taken) end_run(deadline);
  in_time = settle(deadline) && in_time;
  detach();
  return in_time;
}

void MonitorState::end_run(TimePoint deadline) {
  board_->change([](MonitorStatus& status) { status.run_ended = true; });
  for (const auto& exporter : exporters_) exporter->end_run(deadline);
}

bool MonitorState::wait_for_analysis(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  const auto idle = [&] { return !thread_running_ || (!pending_ && !analysing_); };
  return changed_.wait_until(lock, deadline, idle);
}

bool MonitorState::drain(TimePoint deadline) {
  return wait_for_analysis(deadline) &&
         std::ranges::all_of(exporters_, [&](const auto& e) { return e->wait_idle(deadline); });
}

bool MonitorState::settle(TimePoint deadline) {
  bool settled = wait_for_analysis(deadline);
  for (const auto& exporter : exporters_) settled = exporter->wait_ended(deadline) && settled;
  return settled;
}

void MonitorState::shut_down(TimePoint deadline) {
  {
    std::lock_guard lock(mutex_);
    attached_ = false;
    stop_ = true;
  }
  wake_.notify_all();
  for (const auto& exporter : exporters_) exporter->stop(deadline);
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [&] { return !thread_running_; });
}

// ---- the training thread

void MonitorState::step(StepInfo info) noexcept {
  double now = 0;
  const auto failure = guarded([&] {
    now = clock_->monotonic_seconds();
    const bool automatic = options_.snapshot_interval.kind == SnapshotInterval::Kind::automatic;
    bool may_be_due = true;
    SpentCost next_cost;
    {
      std::lock_guard lock(mutex_);
      if (!attached_) return;
      may_be_due = !automatic || !busy();
      next_cost = next_cost_;
    }
    board_->change([&](MonitorStatus& status) {
      status.training_step = info.step;
      status.training_loss = info.loss;
    });
    bool due = false;
    if (first_step_pending_) {
      schedule_.start(info.step, now);
      board_->start(now);
      due = true;
    } else if (may_be_due) {
      due = schedule_.due(info.step, now, board_->spent(), next_cost);
    }
    last_step_ = info;
    const bool first = std::exchange(first_step_pending_, false);
    if (due) take_snapshot(info, first, /*last=*/false);
    if (first) return;  // outside the budget, like a snapshot at attach
    board_->spend({.training_thread_seconds = clock_->monotonic_seconds() - now});
  });
  if (!failure) return;
  guarded([&] {
    board_->spend({.training_thread_seconds = clock_->monotonic_seconds() - now});
    count_failed_snapshot(*failure);
  });
}

void MonitorState::tap(std::int32_t block,
                       const Eigen::Ref<const Eigen::MatrixXf>& hidden_states) noexcept {
  guarded([&] {
    {
      std::lock_guard lock(mutex_);
      if (!attached_) return;
    }
    const double before = clock_->monotonic_seconds();
    const Eigen::VectorXd norms = hidden_states.cast<double>().colwise().norm().transpose();
    if (norms.size() > 0 && norms.allFinite()) {
      tapped_norms_[block] = median({norms.begin(), norms.end()});
    }
    board_->spend({.training_thread_seconds = clock_->monotonic_seconds() - before});
  });
}

std::vector<double> MonitorState::take_activation_norms(std::size_t blocks) {
  std::vector<double> norms;
  for (const auto& [block, norm] : tapped_norms_) {
    if (block == static_cast<std::int32_t>(norms.size())) norms.push_back(norm);
  }
  if (norms.size() != blocks + 1) return {};
  tapped_norms_.clear();
  return norms;
}

bool MonitorState::busy() const {
  return pending_ || analysing_ ||
         std::ranges::any_of(exporters_, [](const auto& e) { return e->lossless() && e->full(); });
}

bool MonitorState::take_snapshot(StepInfo info, bool first, bool last) {
  {
    std::lock_guard lock(mutex_);
    if (busy()) {
      board_->change([](MonitorStatus& status) { ++status.snapshots["skipped"]; });
      return false;
    }
  }
  const double before = clock_->monotonic_seconds();
  // The digest needs all tensors; it is made of the first and the last snapshot.
  ModelWeights weights = source_->capture(token_ids_, first || last);
  const double seconds = clock_->monotonic_seconds() - before;
  std::vector<double> activation_norms = take_activation_norms(weights.blocks().size());
  const double time = clock_->unix_seconds();
  board_->change([&](MonitorStatus& status) {
    if (!std::isnan(status.last_snapshot_time)) {
      status.snapshot_interval_seconds = time - status.last_snapshot_time;
    }
    status.last_snapshot_time = time;
    status.training_thread.add(seconds);
  });
  std::lock_guard lock(mutex_);
  pending_.emplace(Snapshot{std::move(weights), info, time, seconds, std::move(activation_norms),
                            source_->extra_bytes(), first, last});
  wake_.notify_one();
  return true;
}

// ---- the analysis thread

void MonitorState::analyse_snapshots() {
  // Who asks for a rhythm wants it kept; otherwise training comes first, however long it takes.
  const bool automatic = options_.snapshot_interval.kind == SnapshotInterval::Kind::automatic;
  const Priority priority = automatic ? Priority::idle : Priority::low;
  lower_thread_priority(priority);
  Workers workers(options_.analysis_threads, priority);
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || pending_; });
    if (stop_) break;
    std::optional<Snapshot> snapshot = std::exchange(pending_, std::nullopt);
    analysing_ = true;
    lock.unlock();
    const auto cpu_seconds = [&] { return clock_->thread_cpu_seconds() + workers.cpu_seconds(); };
    const double cpu_before = cpu_seconds();
    const bool last = snapshot->last;
    std::shared_ptr<const Record> record;
    const auto failure = guarded([&] {
      record = analyse_snapshot(*snapshot, workers);
      publish(record);
    });
    snapshot.reset();  // the buffer is free again before anybody may capture
    if (last) end_run(end_deadline_);
    if (failure) {
      board_->spend({.analysis_cpu_seconds = cpu_seconds() - cpu_before});
    }
    lock.lock();
    if (failure && !stop_) {
      lock.unlock();
      count_failed_snapshot(*failure);
      lock.lock();
    }
    if (record) board_->change([](MonitorStatus& status) { ++status.snapshots["analysed"]; });
    analysing_ = false;
    changed_.notify_all();
  }
  pending_.reset();
  lock.unlock();
  history_.reset();  // the last to hold the store closes it: not a thread that trains
  lock.lock();
  thread_running_ = false;
  changed_.notify_all();
}

/// Ends an examination once the monitor is to stop.
class MonitorState::UntilStopped : public Progress {
 public:
  explicit UntilStopped(const MonitorState& state) : state_(state) {}
  bool cancelled() override {
    std::lock_guard lock(state_.mutex_);
    return state_.stop_;
  }

 private:
  const MonitorState& state_;
};

std::shared_ptr<const Record> MonitorState::analyse_snapshot(const Snapshot& snapshot,
                                                             Workers& workers) {
  const double wall_before = clock_->monotonic_seconds();
  const auto cpu_seconds = [&] { return clock_->thread_cpu_seconds() + workers.cpu_seconds(); };
  const double cpu_before = cpu_seconds();
  if (resumed_after_step_) go_on_from_history(snapshot.info.step);

  ExamineOptions options = {.step = snapshot.info.step,
                            .spectral = spectral_schedule_.due(snapshot.first),
                            .digest = snapshot.first || snapshot.last};
  options.analysis.token_ids = token_ids_;
  options.analysis.thresholds = options_.thresholds;
  options.analysis.previous_high_norm_tokens = tracker_->state().high_norm_tokens;
  const State state = tracker_->state().state;
  options.analysis.was_emerging = state != State::unspecified && state != State::absent;
  options.analysis.activation_norms = snapshot.activation_norms;
  options.needs_noise_floor = [&](const Observation& o) { return tracker_->needs_noise_floor(o); };
  options.spectral_start = &spectral_start_;
  options.clock = clock_.get();
  UntilStopped progress(*this);
  Examination examined = examine(snapshot.weights, options, workers, &progress);

  auto record = std::make_shared<Record>();
  record->observation = std::move(examined.observation);
  Observation& o = record->observation;
  o.run = options_.run;
  o.attempt = attempt_;
  o.sequence = sequence_ + 1;
  o.time = snapshot.time;
  o.loss = snapshot.info.loss;
  if (options.spectral) {
    spectral_blocks_ = o.blocks;
  } else if (examined.finite) {
    repeat_spectral(spectral_blocks_, o);
  }
  spectral_schedule_.account(snapshot.first, examined.pass_cpu_seconds,
                             examined.spectral_cpu_seconds);
  if (!std::isnan(examined.noise_floor_degrees)) {
    tracker_->set_noise_floor(examined.noise_floor_degrees);
  }
  if (first_snapshot_is_base_ && !tracker_->base()) {
    tracker_->set_base(
        std::make_shared<const Signature>(signature_of(o, tracker_->state().noise_floor_degrees)));
  }
  if (resumed_after_step_) {
    o.events.push_back({std::string(event_kind::run_resumed), o.step,
                        "attempt " + std::to_string(attempt_) +
                            " goes on; the last one reached step " +
                            std::to_string(*resumed_after_step_),
                        static_cast<double>(*resumed_after_step_)});
  }
  tracker_->update(o, std::move(examined.high_norm_tokens));
  if (snapshot.last) {
    o.events.push_back(
        {std::string(event_kind::run_ended), o.step, "the run has ended", kNotApplicable});
  }
  account(snapshot, examined.pass_cpu_seconds, cpu_seconds() - cpu_before,
          clock_->monotonic_seconds() - wall_before, o);
  ++sequence_;
  resumed_after_step_.reset();
  record->tracker = tracker_->state();
  record->base = tracker_->base();
  return record;
}

void MonitorState::go_on_from_history(std::int64_t step) {
  const auto failure = guarded([&] {
    if (auto state = history_->state_before(options_.run, step)) {
      tracker_->restore(std::move(*state));
    }
  });
  if (failure) log(LogLevel::warning, "the tracker begins anew: " + *failure);
}

void MonitorState::account(const Snapshot& snapshot, double pass_cpu, double cpu, double wall,
                           Observation& observation) {
  if (!snapshot.first) board_->spend({.analysis_cpu_seconds = cpu});
  {
    std::lock_guard lock(mutex_);
    next_cost_ = {snapshot.training_thread_seconds, pass_cpu + spectral_schedule_.next_cost()};
  }
  board_->change([&](MonitorStatus& status) {
    status.analysis.add(wall);
    for (const Event& event : observation.events) ++status.events[event.kind];
    status.nonfinite_weights = std::ranges::any_of(observation.events, [](const Event& event) {
      return event.kind == event_kind::nonfinite_weights;
    });
  });
  Cost& cost = observation.cost;
  cost.training_thread_seconds = snapshot.training_thread_seconds;
  cost.analysis_cpu_seconds = cpu;
  cost.analysis_wall_seconds = wall;
  cost.overhead_ratio = board_->overhead_ratio();
  const std::int64_t states = (observation.model.block_count + 1) * observation.model.hidden_size *
                              static_cast<std::int64_t>(token_ids_.size());
  cost.peak_extra_bytes =
      snapshot.extra_bytes +
      states * static_cast<std::int64_t>(sizeof(float) + sizeof(double));  // of the pass
}

void MonitorState::publish(const std::shared_ptr<const Record>& record) {
  for (const auto& exporter : exporters_) exporter->push(record);
}

void MonitorState::count_failed_snapshot(const std::string& what) {
  bool first = false;
  board_->change([&](MonitorStatus& status) { first = ++status.snapshots["failed"] == 1; });
  if (first) log(LogLevel::error, "a snapshot failed: " + what);
}

void MonitorState::log(LogLevel level, const std::string& message) const noexcept {
  guarded([&] { options_.log(level, message); });
}

}  // namespace azimuth::detail
