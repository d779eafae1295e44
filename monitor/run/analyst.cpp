#include "run/analyst.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "azimuth/guarded.h"

namespace azimuth {

Analyst::Analyst(const MonitorOptions& options, Beginning beginning, std::shared_ptr<Budget> budget,
                 std::shared_ptr<StatusBoard> board, std::shared_ptr<const Clock> clock)
    : options_(options),
      beginning_(std::move(beginning)),
      budget_(std::move(budget)),
      board_(std::move(board)),
      clock_(std::move(clock)),
      tracker_(options.thresholds, beginning_.references),
      sequence_(beginning_.sequence),
      resumed_after_step_(beginning_.resumed_after_step) {
  if (beginning_.base) tracker_.set_base(beginning_.base);
}

std::shared_ptr<const Record> Analyst::analyse(const Snapshot& snapshot, Workers& workers,
                                               Progress& progress) {
  const auto cpu_seconds = [&] { return clock_->thread_cpu_seconds() + workers.cpu_seconds(); };
  const double wall_before = clock_->monotonic_seconds();
  const double cpu_before = cpu_seconds();
  if (resumed_after_step_) go_on_from_history(snapshot.info.step);

  const ExamineOptions examining = what_to_examine(snapshot);
  Examination examined = examine(snapshot.weights, examining, workers, &progress);
  budget_->account({.first = snapshot.first,
                    .training_thread_seconds = snapshot.training_thread_seconds,
                    .pass_cpu_seconds = examined.pass_cpu_seconds,
                    .spectral_cpu_seconds = examined.spectral_cpu_seconds});

  auto record = std::make_shared<Record>();
  record->observation = std::move(examined.observation);
  Observation& o = record->observation;
  o.run = options_.run;
  o.attempt = beginning_.attempt;
  o.sequence = sequence_ + 1;
  o.time = snapshot.time;
  o.loss = snapshot.info.loss;
  if (examining.spectral) {
    spectral_blocks_ = o.blocks;
  } else if (examined.finite) {
    repeat_spectral(spectral_blocks_, o);
  }
  if (!std::isnan(examined.noise_floor_degrees)) {
    tracker_.set_noise_floor(examined.noise_floor_degrees);
  }
  if (beginning_.first_snapshot_is_base && !tracker_.base()) {
    tracker_.set_base(
        std::make_shared<const Signature>(signature_of(o, tracker_.state().noise_floor_degrees)));
  }
  if (resumed_after_step_) note_resumption(o);
  tracker_.update(o, std::move(examined.high_norm_tokens));
  if (!examined.finite) note_fault(examined.nonfinite, o);
  if (snapshot.end_of_run) {
    o.events.push_back(
        {std::string(event_kind::run_ended), o.step, "the run has ended", kNotApplicable});
  }
  account(snapshot, cpu_seconds() - cpu_before, clock_->monotonic_seconds() - wall_before, o);
  ++sequence_;
  resumed_after_step_.reset();
  record->tracker = tracker_.state();
  record->base = tracker_.base();
  return record;
}

ExamineOptions Analyst::what_to_examine(const Snapshot& snapshot) {
  const TrackerState& past = tracker_.state();
  ExamineOptions examining = {.step = snapshot.info.step,
                              .spectral = budget_->spectral_due(snapshot.first),
                              .digest = snapshot.first || snapshot.end_of_run};
  examining.analysis = {
      .token_ids = beginning_.token_ids,
      .thresholds = options_.thresholds,
      .previous_high_norm_tokens = past.high_norm_tokens,
      .was_emerging = past.state != State::unspecified && past.state != State::absent,
      .activation_norms = snapshot.activation_norms};
  examining.needs_noise_floor = [this](const Observation& o) {
    return tracker_.needs_noise_floor(o);
  };
  examining.spectral_start = &spectral_start_;
  examining.clock = clock_.get();
  return examining;
}

void Analyst::go_on_from_history(std::int64_t step) {
  const auto failure = guarded([&] {
    if (auto state = beginning_.history->state_before(options_.run, step)) {
      tracker_.restore(std::move(*state));
    }
  });
  if (!failure) return;
  guarded([&] { options_.log(LogLevel::warning, "the tracker begins anew: " + *failure); });
}

void Analyst::note_resumption(Observation& observation) const {
  const std::int64_t last = *resumed_after_step_;
  observation.events.push_back({std::string(event_kind::run_resumed), observation.step,
                                "attempt " + std::to_string(beginning_.attempt) +
                                    " goes on; the last one reached step " + std::to_string(last),
                                static_cast<double>(last)});
}

void Analyst::note_fault(const std::optional<NonfiniteTensor>& fault, Observation& observation) {
  for (Event& event : observation.events) {
    if (event.kind != event_kind::nonfinite_weights) continue;
    event.message = fault ? fault->name + " is NaN or infinite: hidden states cannot be computed"
                          : "hidden states overflow, though every weight is finite";
  }
}

void Analyst::account(const Snapshot& snapshot, double cpu, double wall, Observation& observation) {
  if (!snapshot.first) budget_->spend({.analysis_cpu_seconds = cpu});
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
  cost.overhead_ratio = budget_->overhead_ratio(clock_->monotonic_seconds());
  const std::int64_t states = (observation.model.block_count + 1) * observation.model.hidden_size *
                              static_cast<std::int64_t>(beginning_.token_ids.size());
  cost.peak_extra_bytes =
      snapshot.extra_bytes +
      states * static_cast<std::int64_t>(sizeof(float) + sizeof(double));  // of the pass
}

}  // namespace azimuth
