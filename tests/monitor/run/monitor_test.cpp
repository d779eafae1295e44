#include "azimuth/monitor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <thread>
#include <utility>

#include "azimuth/analysis.h"
#include "support/watched.h"

namespace azimuth {
namespace {

using namespace std::chrono_literals;
using testing::every_step;
using testing::Log;
using testing::TinyLlama;
using testing::Watched;

TEST(Monitor, ExportsWhatASnapshotShows) {
  Watched s;
  s.monitor.use_first_snapshot_as_base();
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  s.model->turn(1.0);
  s.step(7, 3.25);
  const auto o = s.exporter->observations();
  ASSERT_EQ(o.size(), 2u);
  EXPECT_EQ(o[0].run, "test");
  EXPECT_EQ(o[0].sequence, 1);
  EXPECT_EQ(o[0].step, 0);
  EXPECT_EQ(o[0].state, State::stable);
  EXPECT_EQ(o[0].model.weights_digest.size(), 64u) << "the first observation has the digest";
  EXPECT_EQ(o[1].sequence, 2);
  EXPECT_EQ(o[1].attempt, 1);
  EXPECT_EQ(o[1].step, 7);
  EXPECT_EQ(o[1].loss, 3.25);
  EXPECT_TRUE(o[1].model.weights_digest.empty());
  EXPECT_EQ(o[1].model.weights_fingerprint.size(), 16u);
  ASSERT_EQ(o[1].angles.size(), 2u);
  EXPECT_EQ(o[1].angles[0].reference, "previous");
  EXPECT_EQ(o[1].angles[1].reference, "base");
  EXPECT_NEAR(o[1].angles[1].degrees, 1.0, 0.1);
  EXPECT_GT(o[1].angles[1].noise_floor_degrees, 0);
  EXPECT_GT(o[1].cost.analysis_cpu_seconds, 0);
  EXPECT_GT(o[1].cost.training_thread_seconds, 0);
  EXPECT_GT(o[1].cost.peak_extra_bytes, 0);
  EXPECT_GT(o[1].time, 1.7e9);
}

TEST(Monitor, FinishTakesALastSnapshotAndMarksTheEnd) {
  Watched s(every_step());
  std::atomic<bool> ended = false;
  s.exporter->on_end_run = [&] {
    ended = true;
    EXPECT_TRUE(s.exporter->status().run_ended);
  };
  s.attach();
  s.step(1);
  EXPECT_TRUE(s.monitor.finish(30s));
  EXPECT_TRUE(ended);
  const auto o = s.exporter->observations();
  ASSERT_EQ(o.size(), 3u);
  EXPECT_EQ(o.back().step, 1);
  EXPECT_EQ(o.back().model.weights_digest.size(), 64u);
  EXPECT_EQ(o.back().events.back().kind, event_kind::run_ended);
  EXPECT_TRUE(s.monitor.status().run_ended);
  s.attachment.step({.step = 2});
  EXPECT_TRUE(s.monitor.drain(30s));
  EXPECT_EQ(s.exporter->observations().size(), 3u) << "after the end nothing is watched";
}

TEST(Monitor, WeightsOnADeviceHaveDigestsAtTheFirstAndTheLastSnapshot) {
  Watched s(every_step());
  s.on_product = [](Eigen::Index) {};  // a matrix of block 1 passes for one on a device
  s.attach();
  s.step(1);
  s.model->turn(3.0);
  EXPECT_TRUE(s.monitor.finish(30s));
  const auto o = s.exporter->observations();
  ASSERT_EQ(o.size(), 3u);
  Workers workers;
  EXPECT_EQ(o[0].model.weights_digest, TinyLlama().weights().digest());
  EXPECT_EQ(o[0].model.bfloat16_digest, TinyLlama().weights().bfloat16_digest(workers));
  EXPECT_EQ(o[1].model.bfloat16_digest, "");
  EXPECT_EQ(o[2].model.weights_digest, s.model->weights().digest());
  EXPECT_EQ(o[2].model.bfloat16_digest, s.model->weights().bfloat16_digest(workers));
}

TEST(Monitor, AnExporterServesOneMonitorOnce) {
  Watched s;
  EXPECT_THROW(s.monitor.add(s.exporter), std::invalid_argument) << "twice to one";
  Monitor other(every_step("other"));
  EXPECT_THROW(other.add(s.exporter), std::invalid_argument);
  s.attach();
  EXPECT_TRUE(s.monitor.finish(30s)) << "it is there once";
}

TEST(Monitor, SaysWhatTheEndOfTheRunWaitsFor) {
  struct Waits : testing::RecordingExporter {
    std::string end_waits_for(std::chrono::steady_clock::time_point) override { return "a scrape"; }
  };
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched s(options);
  s.monitor.add(std::make_shared<Waits>());
  s.attach();
  EXPECT_TRUE(s.monitor.finish(30s));
  EXPECT_EQ(log.count("exporter recording waits for a scrape"), 1);
}

TEST(Monitor, TakesSnapshotsAtMultiplesOfTheInterval) {
  MonitorOptions options = every_step();
  options.snapshot_interval = SnapshotInterval::every_steps(5);
  Watched s(options);
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  for (int step = 1; step <= 21; step += 2) s.step(step);
  std::vector<std::int64_t> steps;
  for (const auto& o : s.exporter->observations()) steps.push_back(o.step);
  EXPECT_EQ(steps, (std::vector<std::int64_t>{0, 5, 11, 15, 21}));
}

TEST(Monitor, TwoRunsGiveTheSameObservations) {
  const auto run = [](int threads) {
    MonitorOptions options = every_step();
    options.analysis_threads = threads;
    Watched s(options);
    s.monitor.use_first_snapshot_as_base();
    s.attach();
    EXPECT_TRUE(s.monitor.drain(30s));
    for (int step = 1; step <= 6; ++step) {
      s.model->turn(0.3 * step);
      s.step(step);
    }
    auto observations = s.exporter->observations();
    for (auto& o : observations) {
      o.time = 0;
      o.cost = {};
    }
    return observations;
  };
  const auto first = run(1);
  for (const auto& other : {run(1), run(2)}) {
    ASSERT_EQ(first.size(), other.size());
    for (std::size_t i = 0; i < first.size(); ++i) {
      EXPECT_EQ(first[i].direction, other[i].direction);
      EXPECT_EQ(first[i].state, other[i].state);
      ASSERT_EQ(first[i].angles.size(), other[i].angles.size());
      for (std::size_t a = 0; a < first[i].angles.size(); ++a) {
        EXPECT_EQ(first[i].angles[a].degrees, other[i].angles[a].degrees);
        EXPECT_EQ(first[i].angles[a].noise_floor_degrees, other[i].angles[a].noise_floor_degrees);
      }
      for (std::size_t l = 0; l < first[i].blocks.size(); ++l) {
        EXPECT_EQ(first[i].blocks[l].norms, other[i].blocks[l].norms);
      }
    }
  }
}

TEST(Monitor, ReplacesTheReferenceByTappedActivations) {
  Watched s;
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  const Eigen::MatrixXf states = Eigen::MatrixXf::Constant(TinyLlama::hidden, 3, 2.5f);
  for (int block = 0; block < s.model->blocks; ++block) s.attachment.tap(block, states);
  s.step(1);
  s.attachment.tap(s.model->blocks, states);
  for (int step = 2; step <= 13; ++step) s.step(step);
  const auto o = s.exporter->observations();
  EXPECT_EQ(o[1].probe.reference, ReferenceNorm::zero_attention) << "one block was missing";
  for (std::size_t i = 2; i <= 12; ++i) {
    EXPECT_EQ(o[i].probe.reference, ReferenceNorm::activations) << "for ten snapshots more";
    EXPECT_NEAR(o[i].blocks[3].reference_norm, 10, 1e-5);
  }
  EXPECT_EQ(o[13].probe.reference, ReferenceNorm::zero_attention);
}

TEST(Monitor, KeepsItsStateWhateverReferenceIsTapped) {
  Watched s;
  s.monitor.use_first_snapshot_as_base();
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  // So large that nothing would stand out against it.
  const Eigen::MatrixXf states = Eigen::MatrixXf::Constant(TinyLlama::hidden, 3, 1e6f);
  for (int block = 0; block <= s.model->blocks; ++block) s.attachment.tap(block, states);
  for (int step = 1; step <= 13; ++step) s.step(step);
  for (const Observation& o : s.exporter->observations()) {
    EXPECT_EQ(o.state, State::stable) << "at step " << o.step;
  }
}

TEST(Monitor, LeavesOutTappedStatesThatDoNotFit) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched s(options);
  s.attach();
  const Eigen::MatrixXf states = Eigen::MatrixXf::Constant(TinyLlama::hidden, 3, 2.5f);
  const Eigen::MatrixXf narrow = states.topRows(TinyLlama::hidden - 1);
  for (int block = 0; block < s.model->blocks; ++block) s.attachment.tap(block, states);
  s.attachment.tap(s.model->blocks, narrow);
  s.attachment.tap(s.model->blocks + 1, states);
  s.attachment.tap(-1, states);
  s.step(1);
  EXPECT_EQ(s.exporter->observations().back().probe.reference, ReferenceNorm::zero_attention);
  EXPECT_EQ(log.count("of width " + std::to_string(TinyLlama::hidden - 1)), 1);
  EXPECT_EQ(log.count("are left out"), 1) << "logged once";
}

// ---- the step at which a run begins, and its loss

TEST(Monitor, GivesTheWeightsAtAttachTheStepBeforeTheFirst) {
  MonitorOptions options = every_step();
  options.snapshot_interval = SnapshotInterval::every_steps(10);
  Watched s(options);
  s.attach();
  s.attachment.step({.step = 5001});
  ASSERT_TRUE(s.monitor.drain(30s));
  s.step(5009);
  s.step(5010);
  const auto o = s.exporter->observations();
  ASSERT_EQ(o.size(), 2u);
  EXPECT_EQ(o[0].step, 5000);
  EXPECT_EQ(o[0].state_since_step, 5000);
  EXPECT_EQ(o[0].blocks[1].singular.step, 5000);
  EXPECT_EQ(o[1].step, 5010);
  EXPECT_EQ(o[1].angles[0].step, 5000);
}

TEST(Monitor, TakesTheStepToBeginAt) {
  Watched s;
  s.attach(AtStep{5000});
  ASSERT_TRUE(s.monitor.drain(30s));
  s.step(5001);
  EXPECT_TRUE(s.monitor.finish(30s));
  std::vector<std::int64_t> steps;
  for (const auto& o : s.exporter->observations()) steps.push_back(o.step);
  EXPECT_EQ(steps, (std::vector<std::int64_t>{5000, 5001, 5001}));
  EXPECT_THROW(Watched().attach(AtStep{-1}), std::invalid_argument);
}

TEST(Monitor, EndsARunThatHasNotTakenAStep) {
  Watched s;
  s.attach();
  EXPECT_TRUE(s.monitor.finish(30s));
  const auto o = s.exporter->observations();
  ASSERT_EQ(o.size(), 2u);
  EXPECT_EQ(o[0].step, 0);
  EXPECT_EQ(o[1].step, 0);
}

TEST(Monitor, DoesNotTakeItsLastSnapshotForATurnAtRest) {
  Watched s;
  s.attach();
  for (int step = 1; step <= 3; ++step) s.step(step);
  EXPECT_EQ(s.exporter->observations().back().state, State::settling);
  EXPECT_TRUE(s.monitor.finish(30s));
  const auto o = s.exporter->observations().back();
  EXPECT_EQ(o.step, 3);
  EXPECT_EQ(o.state, State::settling) << "the window is as it was";
  EXPECT_EQ(o.angles[0].step, 2);
}

TEST(Monitor, SaysThatALossIsNotFinite) {
  MonitorOptions options = every_step();
  options.snapshot_interval = SnapshotInterval::every_steps(2);
  Watched s(options);
  s.attach();
  s.step(1, NAN);
  EXPECT_TRUE(std::isnan(s.monitor.status().training_loss.value()));
  s.step(2, NAN);
  s.step(4, 3.0);
  s.step(6);
  s.step(8, INFINITY);
  const auto o = s.exporter->observations();
  ASSERT_EQ(o.size(), 5u);
  const auto& events = o[1].events;
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back().kind, event_kind::nonfinite_loss);
  EXPECT_EQ(events.back().step, 1);
  EXPECT_TRUE(o[1].loss_is_nan);
  EXPECT_FALSE(o[2].loss_is_nan);
  EXPECT_FALSE(o[3].loss_is_nan) << "none was given";
  EXPECT_EQ(o[4].events.back().kind, event_kind::nonfinite_loss);
  EXPECT_EQ(s.monitor.status().events.at("nonfinite_loss"), 2u);
  EXPECT_FALSE(s.monitor.status().training_loss != INFINITY);
}

TEST(Monitor, SaysThatWeightsDoNotChange) {
  Watched s;
  s.attach();
  s.step(1);
  s.step(2);
  const auto o = s.exporter->observations().back();
  ASSERT_FALSE(o.events.empty());
  EXPECT_EQ(o.events.back().kind, event_kind::unchanged_weights);
}

// ---- callbacks

TEST(Monitor, CallsBackOnTheTrainingThread) {
  Watched s;
  std::vector<std::pair<std::string, std::int64_t>> seen;
  const auto training = std::this_thread::get_id();
  s.monitor.on_event([&](const Event& event, const Observation& o) {
    EXPECT_EQ(std::this_thread::get_id(), training);
    seen.emplace_back(event.kind, o.step);
  });
  s.monitor.use_first_snapshot_as_base();
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  s.model->turn(60);
  s.step(1);
  const std::pair<std::string, std::int64_t> stable = {"state_changed", 0};
  const std::pair<std::string, std::int64_t> changed = {"state_changed", 1};
  EXPECT_EQ(seen, std::vector{stable});
  s.step(2);
  EXPECT_EQ(seen, (std::vector{stable, changed}));
  EXPECT_TRUE(s.monitor.finish(30s));
  EXPECT_EQ(seen.back(), (std::pair<std::string, std::int64_t>("run_ended", 2)));
  EXPECT_THROW(s.monitor.on_event([](const Event&, const Observation&) {}), std::invalid_argument);
}

TEST(Monitor, SurvivesACallbackThatThrowsOrDetaches) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched s(options);
  s.monitor.on_event([](const Event&, const Observation&) { throw std::runtime_error("no disk"); });
  s.monitor.on_event([&](const Event&, const Observation& o) {
    if (o.step == 2) s.attachment.detach();
  });
  s.attach();
  for (int step = 1; step <= 5; ++step) s.step(step);
  EXPECT_EQ(s.exporter->observations().back().step, 2) << "detached as step 3 began";
  EXPECT_EQ(s.monitor.status().callback_failures, 2u) << "of settling, and unchanged weights";
  EXPECT_EQ(log.count("no disk"), 1) << "logged once";
}

// ---- a base, and its probe

TEST(Monitor, UsesTheProbeOfItsBase) {
  Signature base;
  {
    Watched s;
    s.attach();
    ASSERT_TRUE(s.monitor.drain(30s));
    base = signature_of(s.exporter->observations()[0], 0.01);
  }
  base.probe.token_ids = {3, 4, 5};
  Watched s;
  s.monitor.set_base(base);
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  EXPECT_EQ(s.exporter->observations()[0].probe.token_ids, base.probe.token_ids);
  EXPECT_EQ(s.exporter->observations()[0].state, State::stable);
}

TEST(Monitor, RejectsSignaturesOfAnotherWidth) {
  Signature other;
  other.direction.assign(TinyLlama::hidden + 1, 0.0f);
  other.direction[0] = 1;
  const auto message = [&](auto set) {
    Watched s;
    set(s.monitor);
    try {
      s.attach();
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const std::string widths = "hidden size " + std::to_string(TinyLlama::hidden + 1) +
                             ", and the model " + std::to_string(TinyLlama::hidden);
  EXPECT_NE(message([&](Monitor& m) { m.set_base(other); }).find("the base has " + widths),
            std::string::npos);
  EXPECT_NE(
      message([&](Monitor& m) { m.add_reference("x", other); }).find("reference 'x' has " + widths),
      std::string::npos);
}

TEST(Monitor, ABaseWithoutADirectionGivesNoAngleAndStaysTheBase) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched given(options);
  given.monitor.set_base({});
  given.attach();
  given.step(1);
  EXPECT_EQ(log.count("the base has no high-norm direction"), 1);
  const auto o = given.exporter->records();
  EXPECT_EQ(o[0].observation.warnings.size(), 1u);
  EXPECT_EQ(o[0].observation.state, State::settling) << "as without a base";
  EXPECT_TRUE(o[0].observation.base_absent);
  EXPECT_EQ(o[0].observation.events[0].kind, event_kind::direction_came_up);
  EXPECT_NE(o[0].base, nullptr);

  Signature wider;
  wider.model.hidden_size = TinyLlama::hidden + 1;
  Watched other;
  other.monitor.set_base(wider);
  EXPECT_THROW(other.attach(), std::invalid_argument);
}

// From beginning to end: what such a run says, and that it says nothing else.
TEST(Monitor, ARunWithoutADirectionSaysSoAndWhenOneComesUp) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched s(options);
  s.model->explosion = 0;
  s.model->turn(0);
  s.monitor.use_first_snapshot_as_base();
  s.attach();
  for (int step = 1; step <= 8; ++step) {
    s.model->turn(0.1);
    s.model->tensor(TinyLlama::in_block(3, "mlp.up_proj.weight"))(0, 0) += 1e-3f;
    s.step(step);
  }
  EXPECT_EQ(log.count("has no high-norm direction"), 1);
  for (const Observation& o : s.exporter->observations()) {
    EXPECT_EQ(o.state, State::absent) << "at step " << o.step;
    EXPECT_TRUE(
        o.absence.starts_with("ABSENT: no token is high-norm; the largest norm ratio is 1."));
    EXPECT_TRUE(o.base_absent);
    EXPECT_TRUE(o.angles.empty());
    EXPECT_EQ(o.events.size(), o.step == 0 ? 1u : 0u) << "the state that it begins in";
  }
  s.model->explosion = 1000;
  s.model->turn(0);
  s.step(9);
  const Record record = s.exporter->records().back();
  EXPECT_EQ(record.observation.state, State::settling);
  EXPECT_EQ(record.observation.absence, "");
  ASSERT_EQ(record.observation.events.size(), 2u);
  EXPECT_EQ(record.observation.events[0].kind, event_kind::direction_came_up);
  EXPECT_TRUE(record.observation.events[0].message.ends_with("; the base has no direction"));
  ASSERT_NE(record.base, nullptr);
  EXPECT_TRUE(record.base->stages.empty());
}

TEST(Monitor, TakesNoWeightsThatAreNotFiniteForABase) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched s(options);
  s.model->tensor(TinyLlama::in_block(3, "mlp.down_proj.weight"))(2, 3) = NAN;
  s.monitor.use_first_snapshot_as_base();
  s.attach();
  s.step(1);
  EXPECT_EQ(log.count("the first snapshot is not finite, and is no base"), 1);
  EXPECT_EQ(s.exporter->records()[1].base, nullptr);
  EXPECT_EQ(s.exporter->observations()[1].absence, "");
}

TEST(Monitor, SaysWhichSpecialIdsAreNotProbed) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched s(options);
  s.special_token_ids = {1, TinyLlama::vocab};
  s.attach();
  s.step(1);
  EXPECT_EQ(log.count("special token id " + std::to_string(TinyLlama::vocab)), 1);
  EXPECT_EQ(s.exporter->observations()[1].warnings.size(), 1u);
}

// ---- misuse throws on the caller's thread

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

TEST(Monitor, RejectsMisuse) {
  EXPECT_THROW(Monitor({}), std::invalid_argument) << "a run needs a name";
  EXPECT_THROW(Monitor(every_step("\xff")), std::invalid_argument) << "in UTF-8";
  const auto with = [](auto change) {
    MonitorOptions options = every_step();
    change(options);
    return options;
  };
  EXPECT_THROW(
      Monitor(with([](auto& o) { o.snapshot_interval = SnapshotInterval::every_steps(-1); })),
      std::invalid_argument);
  EXPECT_THROW(Monitor(with([](auto& o) { o.snapshot_interval = SnapshotInterval::every(0s); })),
               std::invalid_argument);
  EXPECT_THROW(Monitor(with([](auto& o) { o.max_overhead = 0; })), std::invalid_argument);
  EXPECT_THROW(Monitor(with([](auto& o) { o.analysis_threads = 0; })), std::invalid_argument);
  EXPECT_THROW(Monitor(with([](auto& o) { o.thresholds.stable_angle = -1; })),
               std::invalid_argument);
  Watched s;
  EXPECT_THROW(s.monitor.add(nullptr), std::invalid_argument);
  EXPECT_THROW(s.monitor.add_reference("base", {}), std::invalid_argument);
  s.attach();
  EXPECT_THROW(s.monitor.add_reference("a", {}), std::invalid_argument) << "too late";
  EXPECT_EQ(refusal([&] { s.attach(); }), "attach: the monitor is already attached");
  EXPECT_THROW(s.monitor.add(s.exporter), std::invalid_argument) << "too late";
  EXPECT_TRUE(s.monitor.finish(30s));
  EXPECT_EQ(refusal([&] { s.attach(); }), "attach: the monitor is detached, or has finished");
  Watched twice;
  twice.monitor.add_reference("a", {});
  EXPECT_THROW(twice.monitor.add_reference("a", {}), std::invalid_argument);
  EXPECT_THROW(twice.monitor.on_event(nullptr), std::invalid_argument);
  Watched outside(with([](auto& o) { o.token_ids = {TinyLlama::vocab}; }));
  EXPECT_THROW(outside.attach(), std::invalid_argument);
}

TEST(Monitor, WarnsWhereNoSpecialIdIsKnown) {
  // TinyLlama names one; a log that stays empty shows that the warning is not said always.
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched s(options);
  s.attach();
  EXPECT_EQ(log.count("special token ids"), 0);
}

TEST(Monitor, DoesNothingOnOtherRanks) {
  MonitorOptions options = every_step();
  options.rank = 1;
  Watched s(options);
  EXPECT_FALSE(s.monitor.watches());
  s.attach();
  s.attachment.step({.step = 1});
  EXPECT_TRUE(s.monitor.finish(30s));
  EXPECT_TRUE(s.exporter->observations().empty());
}

// ---- cost

// Every step takes a second, every pass half a second of one core: by decree, whoever reads it.
class DecreedClock : public Clock {
 public:
  double monotonic_seconds() const override { return now; }
  double unix_seconds() const override { return now; }
  double thread_cpu_seconds() const override { return cpu; }

  /// Of what a snapshot multiplies, only a pass takes all the probe's tokens at once.
  void multiply(Eigen::Index vectors) {
    if (vectors >= 12) cpu = cpu + 0.5;
  }

  std::atomic<double> now = 0;
  std::atomic<double> cpu = 0;
};

TEST(Monitor, SaysFromWhichStepSpectralFiguresAre) {
  Watched s;
  s.attach();
  for (int step = 1; step <= 12; ++step) s.step(step);
  const auto o = s.exporter->observations();
  ASSERT_EQ(o.size(), 13u);
  for (std::size_t i = 0; i < o.size(); ++i) {
    const SingularDirection& singular = o[i].blocks[2].singular;
    EXPECT_TRUE(singular.converged);
    EXPECT_EQ(singular.step, i < 10 ? 0 : 10);
    EXPECT_EQ(singular.sigma, o[i < 10 ? 0 : 10].blocks[2].singular.sigma);
  }
}

TEST(Monitor, SaysWhyThereAreNoSpectralFigures) {
  Watched s;
  float& weight = s.model->tensor(TinyLlama::in_block(3, "mlp.down_proj.weight"))(2, 3);
  const float sound = std::exchange(weight, std::numeric_limits<float>::infinity());
  s.attach();
  s.step(1);
  weight = sound;
  for (int step = 2; step <= 10; ++step) s.step(step);
  weight = std::numeric_limits<float>::infinity();
  s.step(11);
  weight = sound;
  s.step(12);
  const auto o = s.exporter->observations();
  ASSERT_EQ(o.size(), 13u);
  const auto reason = [&](std::size_t step) { return o[step].blocks[2].spectral_reason; };
  for (const std::size_t step : {0, 1, 11}) EXPECT_EQ(reason(step), "hidden states are not finite");
  for (std::size_t step = 2; step < 10; ++step) EXPECT_EQ(reason(step), "not computed");
  for (const std::size_t step : {10, 12}) {
    EXPECT_EQ(reason(step), "");
    EXPECT_EQ(o[step].blocks[2].singular.step, 10);
  }
}

TEST(Monitor, AutomaticKeepsToItsBudget) {
  for (double budget : {0.003, 0.01, 0.1}) {
    const auto clock = std::make_shared<DecreedClock>();
    MonitorOptions options = every_step();
    options.snapshot_interval = SnapshotInterval::automatic();
    options.max_overhead = budget;
    options.clock = clock;
    Watched s(options);
    s.on_product = [clock](Eigen::Index vectors) { clock->multiply(vectors); };
    s.attach();
    ASSERT_TRUE(s.monitor.drain(30s));
    const int steps = static_cast<int>(20 / budget);  // about 80 snapshots
    for (int step = 1; step <= steps; ++step) {
      clock->now = clock->now + 1;
      s.attachment.step({.step = step});
      ASSERT_TRUE(s.monitor.drain(30s));
      ASSERT_LE(s.monitor.status().overhead_ratio, budget) << "at step " << step;
    }
    EXPECT_GT(s.monitor.status().overhead_ratio, 0.9 * budget) << "and uses it";
  }
}

}  // namespace
}  // namespace azimuth
