#include "run/analyst.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "azimuth/guarded.h"
#include "run/tapped_text.h"

namespace azimuth {
namespace {

void note_loss(const StepInfo& first, Observation& observation) {
  const double loss = first.loss.value_or(kNotApplicable);
  observation.events.push_back({std::string(event_kind::nonfinite_loss), first.step,
                                std::string("the loss was ") +
                                    (std::isnan(loss) ? "NaN" : "infinite") + " at step " +
                                    std::to_string(first.step),
                                loss});
}

}  // namespace

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
  const SnapshotFacts& facts = snapshot.facts;
  if (resumed_after_step_ && facts.info) go_on_from_history(facts.info->step);

  ExamineOptions examining = what_to_examine(snapshot);
  SpectralVectors vectors;
  examining.spectral_vectors = &vectors;
  Analysed analysed = {.facts = facts,
                       .examined = examine(snapshot.weights, examining, workers, &progress),
                       .spectral = examining.spectral};
  budget_->account({.first = facts.first,
                    .training_thread_seconds = facts.training_thread_seconds,
                    .pass_cpu_seconds = analysed.examined.pass_cpu_seconds,
                    .spectral_cpu_seconds = analysed.examined.spectral_cpu_seconds});
  if (analysed.examined.finite && analysed.spectral) spectral_vectors_ = std::move(vectors);
  Observation& observation = analysed.examined.observation;
  observation.text = text_of(snapshot.taken.pass, observation, spectral_vectors_,
                             options_.thresholds.high_norm_ratio);
  analysed.cpu_seconds = cpu_seconds() - cpu_before;
  analysed.wall_seconds = clock_->monotonic_seconds() - wall_before;
  if (facts.info) return record_of(std::move(analysed));
  at_attach_ = std::move(analysed);
  return begins_at_ ? begin(*begins_at_) : nullptr;
}

std::shared_ptr<const Record> Analyst::begin(std::int64_t step) {
  begins_at_ = step;
  if (!at_attach_) return nullptr;
  Analysed analysed = *std::exchange(at_attach_, std::nullopt);
  analysed.facts.info = StepInfo{.step = step};
  Observation& o = analysed.examined.observation;
  o.step = step;
  for (BlockObservation& block : o.blocks) {
    if (!std::isnan(block.singular.sigma[0])) block.singular.step = step;
  }
  return record_of(std::move(analysed));
}

std::shared_ptr<const Record> Analyst::record_of(Analysed analysed) {
  const SnapshotFacts& facts = analysed.facts;
  Examination& examined = analysed.examined;
  auto record = std::make_shared<Record>();
  record->observation = std::move(examined.observation);
  Observation& o = record->observation;
  o.run = options_.run;
  o.attempt = beginning_.attempt;
  o.sequence = sequence_ + 1;
  o.time = facts.time;
  if (facts.info->loss) {
    o.loss = *facts.info->loss;
    o.loss_is_nan = std::isnan(o.loss);
  }
  o.warnings.insert(o.warnings.end(), beginning_.warnings.begin(), beginning_.warnings.end());
  if (examined.finite && analysed.spectral) spectral_blocks_ = o.blocks;
  if (examined.finite && !analysed.spectral) repeat_spectral(spectral_blocks_, o);
  if (!std::isnan(examined.noise_floor_degrees)) {
    tracker_.set_noise_floor(examined.noise_floor_degrees);
  }
  if (std::exchange(beginning_.first_snapshot_is_base, false)) take_as_base(o);
  if (resumed_after_step_) note_resumption(o);
  tracker_.update(o, std::move(examined.high_norm_tokens), examined.peak_ratio);
  if (facts.nonfinite_loss) note_loss(*facts.nonfinite_loss, o);
  if (facts.end_of_run) {
    o.events.push_back(
        {std::string(event_kind::run_ended), o.step, "the run has ended", kNotApplicable});
  }
  account(analysed, o);
  ++sequence_;
  resumed_after_step_.reset();
  record->tracker = tracker_.state();
  record->base = tracker_.base();
  return record;
}

ExamineOptions Analyst::what_to_examine(const Snapshot& snapshot) {
  const TrackerState& past = tracker_.state();
  const SnapshotFacts& facts = snapshot.facts;
  ExamineOptions examining = {.step = facts.info ? facts.info->step : 0,
                              .spectral = budget_->spectral_due(facts.first),
                              .digest = facts.first || facts.end_of_run};
  examining.analysis = {
      .token_ids = beginning_.token_ids,
      .thresholds = options_.thresholds,
      .previous_high_norm_tokens = past.high_norm_tokens,
      .was_emerging = past.state != State::unspecified && past.state != State::absent,
      .activation_norms = snapshot.taken.norms};
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

void Analyst::take_as_base(Observation& first) {
  if (std::ranges::all_of(first.blocks, has_finite_norms)) {
    tracker_.set_base(std::make_shared<const Signature>(
        signature_of(first, tracker_.state().noise_floor_degrees)));
    if (first.primary_stage >= 0) return;
    first.warnings.emplace_back(
        "the base, the first snapshot, has no high-norm direction, and no angle to it is measured");
  } else {
    first.warnings.emplace_back("the first snapshot is not finite, and is no base");
  }
  guarded([&] { options_.log(LogLevel::warning, first.warnings.back()); });
}

void Analyst::note_resumption(Observation& observation) const {
  const std::int64_t last = *resumed_after_step_;
  observation.events.push_back({std::string(event_kind::run_resumed), observation.step,
                                "attempt " + std::to_string(beginning_.attempt) +
                                    " goes on; the last one reached step " + std::to_string(last),
                                static_cast<double>(last)});
}

void Analyst::account(const Analysed& analysed, Observation& observation) {
  const SnapshotFacts& facts = analysed.facts;
  if (!facts.first) budget_->spend({.analysis_cpu_seconds = analysed.cpu_seconds});
  board_->change([&](MonitorStatus& status) {
    status.analysis.add(analysed.wall_seconds);
    for (const Event& event : observation.events) ++status.events[event.kind];
    status.nonfinite_weights = observation.state == State::nonfinite;
  });
  Cost& cost = observation.cost;
  cost.training_thread_seconds = facts.training_thread_seconds;
  cost.analysis_cpu_seconds = analysed.cpu_seconds;
  cost.analysis_wall_seconds = analysed.wall_seconds;
  cost.overhead_ratio = budget_->overhead_ratio(clock_->monotonic_seconds());
  const std::int64_t states = (observation.model.block_count + 1) * observation.model.hidden_size *
                              static_cast<std::int64_t>(beginning_.token_ids.size());
  cost.peak_extra_bytes =
      facts.extra_bytes +
      states * static_cast<std::int64_t>(sizeof(float) + sizeof(double));  // of the pass
}

}  // namespace azimuth
