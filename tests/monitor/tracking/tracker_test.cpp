#include "azimuth/tracker.h"

#include <gtest/gtest.h>

#include <cmath>

namespace azimuth {
namespace {

std::vector<float> at(double degrees, int plane = 1) {
  const double radians = degrees * M_PI / 180;
  std::vector<float> direction(4, 0.0f);
  direction[0] = static_cast<float>(std::cos(radians));
  direction[static_cast<std::size_t>(plane)] = static_cast<float>(std::sin(radians));
  return direction;
}

StageObservation stage(std::vector<float> direction, std::int32_t first_block = 1) {
  StageObservation s;
  s.first_block = first_block;
  s.last_block = first_block;
  s.direction = std::move(direction);
  return s;
}

Observation with_ratio(std::int64_t step, double ratio) {
  Observation o;
  o.step = step;
  o.blocks.resize(2);
  o.blocks[1].block = 1;
  for (BlockObservation& block : o.blocks) {
    block.norms = {ratio};
    block.reference_norm = 1;
    block.ratio_max = ratio;
  }
  return o;
}

Observation high(std::int64_t step, std::vector<StageObservation> stages, int primary = 0) {
  Observation o = with_ratio(step, 100);
  o.stages = std::move(stages);
  o.primary_stage = primary;
  o.direction = o.stages[static_cast<std::size_t>(primary)].direction;
  return o;
}

Observation high(std::int64_t step, double degrees) { return high(step, {stage(at(degrees))}); }

Observation low(std::int64_t step, double ratio) {
  Observation o = with_ratio(step, ratio);
  if (ratio >= 1.6) {
    o.provisional = true;
    o.direction = at(0);
  }
  return o;
}

std::shared_ptr<const Signature> base_at(double degrees) {
  Signature base;
  base.direction = at(degrees);
  base.stages = {stage(at(degrees))};
  base.primary_stage = 0;
  base.noise_floor_degrees = 0.25;
  return std::make_shared<const Signature>(base);
}

class TrackedRun {
 public:
  explicit TrackedRun(Thresholds thresholds = {}) : tracker(thresholds) {}
  State after(Observation o) {
    tracker.update(o);
    last = o;
    return o.state;
  }
  // Five snapshots at rest, ten steps apart.
  State rest(double degrees) {
    for (int i = 0; i < 5; ++i) after(high(step += 10, degrees));
    return last.state;
  }
  bool happened(std::string_view kind) const {
    for (const Event& event : last.events) {
      if (event.kind == kind) return true;
    }
    return false;
  }
  double angle(const std::string& reference) const {
    for (const AngleObservation& a : last.angles) {
      if (a.reference == reference) return a.degrees;
    }
    return NAN;
  }

  Tracker tracker;
  Observation last;
  std::int64_t step = 0;
};

TEST(Tracker, GoesFromAbsentThroughSettlingToStable) {
  TrackedRun run;
  EXPECT_EQ(run.after(low(0, 1.2)), State::absent);
  EXPECT_EQ(run.after(low(1, 1.9)), State::absent) << "emerging begins at 2";
  EXPECT_EQ(run.after(low(2, 2.0)), State::emerging);
  EXPECT_EQ(run.after(low(3, 1.7)), State::emerging) << "kept down to 1.6";
  EXPECT_EQ(run.after(low(4, 1.5)), State::absent);
  EXPECT_EQ(run.after(low(5, 3.0)), State::emerging);
  run.step = 10;
  EXPECT_EQ(run.after(high(10, 0)), State::settling);
  EXPECT_EQ(run.last.state_since_step, 10);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run.after(high(run.step += 10, 0.1)), State::settling);
  EXPECT_EQ(run.after(high(run.step += 10, 0.1)), State::stable) << "the window is full";
  EXPECT_EQ(run.last.state_since_step, 50);
  EXPECT_TRUE(run.happened(event_kind::state_changed));
  EXPECT_EQ(run.after(high(run.step += 10, 0.1)), State::stable);
  EXPECT_TRUE(run.last.events.empty());
}

TEST(Tracker, StaysSettlingWhileItTurns) {
  TrackedRun run;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(run.after(high(10 * i, 1.0 * i)), State::settling);
}

TEST(Tracker, DriftsFromItsAnchorAndRestabilisesElsewhere) {
  TrackedRun run;
  ASSERT_EQ(run.rest(0), State::stable);
  double degrees = 0;
  while (degrees <= 4.4) EXPECT_EQ(run.after(high(run.step += 10, degrees += 0.5)), State::stable);
  EXPECT_EQ(run.after(high(run.step += 10, 5.2)), State::drifting)
      << "more than 5° from the anchor";
  EXPECT_EQ(run.rest(5.2), State::stable);
  EXPECT_TRUE(run.tracker.state().anchor.has_value());
  EXPECT_NEAR(run.tracker.state().anchor->direction[1], std::sin(5.2 * M_PI / 180), 1e-6);
  EXPECT_EQ(run.after(high(run.step += 10, 7)), State::stable) << "1.8° from the new anchor";
}

TEST(Tracker, ShowsASlowDriftForAtLeastOneObservation) {
  TrackedRun run;
  run.rest(0);
  bool drifted = false;
  for (double degrees = 0.4; degrees < 7; degrees += 0.4) {
    drifted = run.after(high(run.step += 10, degrees)) == State::drifting || drifted;
  }
  EXPECT_TRUE(drifted);
}

TEST(Tracker, SaysHowFarTheAnchorMoved) {
  TrackedRun run;
  run.rest(0);
  run.after(high(run.step += 10, 8));
  ASSERT_EQ(run.last.state, State::drifting);
  for (int i = 0; i < 10 && run.last.state != State::stable; ++i)
    run.after(high(run.step += 10, 8));
  ASSERT_TRUE(run.happened(event_kind::restabilised));
  for (const Event& event : run.last.events) {
    if (event.kind == event_kind::restabilised) {
      EXPECT_NEAR(event.value, 8, 1e-4);
    }
  }
}

TEST(Tracker, LeavesStableOnAQuickTurn) {
  TrackedRun run;
  run.rest(0);
  EXPECT_EQ(run.after(high(run.step += 10, 2.9)), State::stable);
  EXPECT_EQ(run.after(high(run.step += 10, 3.1)), State::drifting) << "1.5 × stable_angle";
}

TEST(Tracker, ChangesBeyondThirtyDegrees) {
  TrackedRun run;
  run.rest(0);
  EXPECT_EQ(run.after(high(run.step += 10, 50)), State::changed);
  EXPECT_EQ(run.rest(50), State::stable) << "without a base it rests with a new anchor";
  EXPECT_EQ(run.tracker.state().anchor->direction, at(50));
}

TEST(Tracker, WithABaseAFineTuningBeginsStable) {
  TrackedRun run;
  run.tracker.set_base(base_at(0));
  EXPECT_EQ(run.after(high(0, 0.1)), State::stable);
  EXPECT_NEAR(run.angle("base"), 0.1, 1e-4);
  EXPECT_TRUE(std::isnan(run.angle("previous"))) << "there is no earlier snapshot";
  EXPECT_EQ(run.last.angles[0].noise_floor_degrees, 0.25) << "the base's, the coarser one";
}

TEST(Tracker, WithABaseRestingFarAwayStaysDrifting) {
  TrackedRun run;
  run.tracker.set_base(base_at(0));
  run.after(high(run.step, 0));
  for (double degrees = 0; degrees < 8; degrees += 0.5) run.after(high(run.step += 10, degrees));
  EXPECT_EQ(run.rest(8), State::drifting);
  EXPECT_EQ(run.rest(4.5), State::drifting) << "back only below 0.8 × drift_angle";
  EXPECT_EQ(run.rest(3.9), State::stable);
}

TEST(Tracker, WithABaseChangedEndsBelow24Degrees) {
  TrackedRun run;
  run.tracker.set_base(base_at(0));
  run.after(high(run.step, 0));
  EXPECT_EQ(run.after(high(run.step += 10, 35)), State::changed);
  EXPECT_EQ(run.rest(35), State::changed);
  EXPECT_EQ(run.rest(25), State::changed);
  EXPECT_EQ(run.after(high(run.step += 10, 23)), State::drifting);
}

TEST(Tracker, SaysWhenTheDirectionIsLostAndKeepsTheAnchor) {
  TrackedRun run;
  run.rest(0);
  EXPECT_EQ(run.after(low(run.step += 10, 3)), State::emerging);
  EXPECT_TRUE(run.happened(event_kind::direction_lost));
  EXPECT_TRUE(run.tracker.state().anchor.has_value());
  EXPECT_EQ(run.after(low(run.step += 10, 1)), State::absent);
  EXPECT_FALSE(run.happened(event_kind::direction_lost)) << "said once";
  EXPECT_EQ(run.after(high(run.step += 10, 0)), State::settling);
}

TEST(Tracker, SaysThatADirectionHasComeUpAndWhere) {
  TrackedRun run;
  const auto coming = [&](std::int64_t step) {
    Observation o = high(step, 0);
    o.stages[0].peak_ratio = 12.5;
    o.blocks[1].ratio_max = 12.5;
    o.probe.token_ids = {17};
    return o;
  };
  run.after(low(0, 1.2));
  EXPECT_FALSE(run.happened(event_kind::direction_came_up));
  EXPECT_EQ(run.after(coming(10)), State::settling);
  ASSERT_TRUE(run.happened(event_kind::direction_came_up));
  EXPECT_EQ(run.last.events[0].message,
            "tokens are high-norm: the largest norm ratio is 12.5, at block 1, of token 17");
  EXPECT_EQ(run.last.events[0].value, 12.5);
  run.after(coming(20));
  EXPECT_FALSE(run.happened(event_kind::direction_came_up)) << "said once";
  run.after(low(30, 3));
  run.after(coming(40));
  EXPECT_TRUE(run.happened(event_kind::direction_came_up)) << "again, after it had gone";

  TrackedRun trained;
  trained.after(coming(0));
  EXPECT_FALSE(trained.happened(event_kind::direction_came_up)) << "it was there from the start";
}

TEST(Tracker, ABaseWithoutADirectionGivesNoAngleAndIsHeldAgainstOneThatComesUp) {
  auto base = std::make_shared<Signature>();
  base->direction = at(50);  // provisional
  TrackedRun run;
  run.tracker.set_base(base);
  EXPECT_EQ(run.after(low(0, 1.2)), State::absent);
  EXPECT_TRUE(run.last.base_absent);
  EXPECT_EQ(run.after(low(10, 3)), State::emerging);
  EXPECT_TRUE(std::isnan(run.angle("base"))) << "what turns so much is a forecast";
  EXPECT_EQ(run.after(high(run.step = 20, 0)), State::settling);
  ASSERT_TRUE(run.happened(event_kind::direction_came_up));
  EXPECT_TRUE(run.last.events[0].message.ends_with("; the base has no direction"));
  EXPECT_EQ(run.rest(0), State::stable) << "as without a base";
  EXPECT_TRUE(std::isnan(run.angle("base")));
  EXPECT_EQ(run.after(high(run.step += 10, 50)), State::changed) << "from where it settled";

  TrackedRun at_once;
  at_once.tracker.set_base(base);
  at_once.after(high(0, 0));
  EXPECT_TRUE(at_once.happened(event_kind::direction_came_up)) << "the base had none";

  TrackedRun with;
  with.tracker.set_base(base_at(0));
  with.after(high(0, 0));
  EXPECT_FALSE(with.last.base_absent);
  EXPECT_FALSE(with.happened(event_kind::direction_came_up));
}

TEST(Tracker, AWindowInStepsIsFullOnlyAfterThem) {
  TrackedRun run({.window_steps = 100});
  for (std::int64_t step = 0; step < 100; step += 10) {
    EXPECT_EQ(run.after(high(step, 0)), State::settling) << step;
  }
  EXPECT_EQ(run.after(high(100, 0)), State::stable);
  TrackedRun sparse({.window_steps = 100});
  EXPECT_EQ(sparse.after(high(0, 0)), State::settling);
  EXPECT_EQ(sparse.after(high(200, 0)), State::settling) << "never fewer than three snapshots";
  EXPECT_EQ(sparse.after(high(400, 0)), State::stable);
}

// ---- the same stage

TEST(Tracker, ComparesTheSameStageWhenThePrimaryChanges) {
  TrackedRun run;
  const auto a = stage(at(0), 1);
  const auto b = stage(at(90), 3);
  for (int i = 0; i < 6; ++i) run.after(high(run.step += 10, {a, b}, 0));
  ASSERT_EQ(run.last.state, State::stable);
  run.after(high(run.step += 10, {a, b}, 1));
  EXPECT_TRUE(run.happened(event_kind::primary_stage_changed));
  EXPECT_EQ(run.last.state, State::stable) << "both stages are where they were: nobody is paged";
  EXPECT_NEAR(run.angle("previous"), 0, 1e-6);
  run.after(high(run.step += 10, {b}, 0));
  EXPECT_FALSE(run.happened(event_kind::primary_stage_changed));
  EXPECT_EQ(run.last.state, State::stable);
}

TEST(Tracker, SeesADirectionThatReallyTurned) {
  EXPECT_NEAR(same_stage_angle(directions_of(high(1, 40)), directions_of(high(0, 0))), 40, 1e-4);
  const PastDirections both = directions_of(high(0, {stage(at(0)), stage(at(90))}, 0));
  EXPECT_NEAR(same_stage_angle(directions_of(high(1, 85)), both), 5, 1e-4);
  EXPECT_NEAR(same_stage_angle(both, directions_of(high(0, 85))), 5, 1e-4)
      << "the primary of the past is still there";
}

TEST(Tracker, NeedsANoiseFloorAtFirstAndWhenThePrimaryIsAnother) {
  TrackedRun run;
  EXPECT_TRUE(run.tracker.needs_noise_floor(high(0, 0)));
  run.tracker.set_noise_floor(0.01);
  run.after(high(0, 0));
  EXPECT_FALSE(run.tracker.needs_noise_floor(high(1, 1)));
  EXPECT_TRUE(run.tracker.needs_noise_floor(high(1, 80)));
  EXPECT_FALSE(run.tracker.needs_noise_floor(low(1, 1))) << "no direction, no floor";
}

// ---- faults and restarts

TEST(Tracker, SaysOnceThatWeightsAreNotFiniteAndWhenTheyAreAgain) {
  TrackedRun run;
  run.rest(0);
  const TrackerState before = run.tracker.state();
  Observation broken = with_ratio(run.step += 10, NAN);
  broken.nonfinite = NonfiniteTensor{.name = "w", .block = 3};
  EXPECT_EQ(run.after(broken), State::nonfinite);
  ASSERT_TRUE(run.happened(event_kind::nonfinite_weights));
  EXPECT_EQ(run.last.events[0].message,
            "w (block 3) is NaN or infinite: hidden states cannot be computed");
  EXPECT_TRUE(run.last.angles.empty());
  EXPECT_EQ(run.tracker.state().window.size(), before.window.size());
  EXPECT_EQ(run.tracker.state().state, State::stable) << "kept for when there are numbers again";

  TrackedRun restarted;  // as a process that was killed meanwhile
  restarted.tracker.restore(run.tracker.state());
  EXPECT_EQ(restarted.after(with_ratio(70, NAN)), State::nonfinite);
  EXPECT_TRUE(restarted.last.events.empty()) << "said once";
  EXPECT_EQ(restarted.last.state_since_step, 60);
  EXPECT_EQ(restarted.after(high(80, 0)), State::stable);
  ASSERT_TRUE(restarted.happened(event_kind::finite_weights));
  EXPECT_EQ(restarted.last.events[0].value, 60);
  EXPECT_EQ(restarted.last.state_since_step, before.state_since_step);
  EXPECT_EQ(restarted.after(high(90, 0)), State::stable);
  EXPECT_TRUE(restarted.last.events.empty());
}

TEST(Tracker, IsNotMovedByAStepThatItHasSeen) {
  TrackedRun run;
  for (int i = 1; i <= 4; ++i) run.after(high(10 * i, i < 4 ? 0 : 1));
  EXPECT_EQ(run.last.state, State::settling);
  const std::size_t snapshots = run.tracker.state().window.size();
  EXPECT_EQ(run.after(high(40, 1)), State::settling) << "the fifth snapshot, of no fifth step";
  EXPECT_EQ(run.tracker.state().window.size(), snapshots);
  EXPECT_NEAR(run.angle("previous"), 1, 1e-4) << "to the step before";
  EXPECT_EQ(run.last.angles[0].step, 30);
  EXPECT_EQ(run.after(high(50, 1)), State::stable);
}

TEST(Tracker, SaysOnceThatWeightsDoNotChange) {
  TrackedRun run;
  const auto snapshot = [&](std::int64_t step, const char* fingerprint) {
    Observation o = high(step, 0);
    o.model.weights_fingerprint = fingerprint;
    run.after(o);
    return run.happened(event_kind::unchanged_weights);
  };
  EXPECT_FALSE(snapshot(0, "a"));
  EXPECT_FALSE(snapshot(10, "b"));
  EXPECT_FALSE(snapshot(20, "b"));
  EXPECT_FALSE(snapshot(20, "b")) << "the last step again, as a run ends";
  EXPECT_TRUE(snapshot(30, "b"));
  EXPECT_EQ(run.last.events.back().value, 10);
  EXPECT_FALSE(snapshot(40, "b"));
  EXPECT_FALSE(snapshot(50, "c"));
  EXPECT_FALSE(snapshot(60, ""));
}

TEST(Tracker, GoesByTheRatioThatItIsGiven) {
  Tracker tracker({});
  Observation o = low(0, 1.2);  // against activations, say
  tracker.update(o, {}, 3.0);
  EXPECT_EQ(o.state, State::emerging);
}

TEST(Tracker, GoesOnFromARestoredState) {
  TrackedRun first;
  first.rest(0);
  TrackedRun second;
  second.tracker.restore(first.tracker.state());
  EXPECT_EQ(second.after(high(60, 1)), State::stable);
  EXPECT_NEAR(second.angle("previous"), 1, 1e-4);
  EXPECT_EQ(second.last.angles[0].step, 50);
}

TEST(Tracker, MeasuresNamedReferences) {
  auto provisional = std::make_shared<Signature>();
  provisional->direction = at(50);
  Tracker tracker({}, {{"mistral", base_at(12)}, {"young", provisional}});
  Observation o = high(0, 0);
  tracker.update(o);
  ASSERT_EQ(o.angles.size(), 1u);
  EXPECT_EQ(o.angles[0].reference, "mistral");
  EXPECT_NEAR(o.angles[0].degrees, 12, 1e-4);
}

TEST(Thresholds, AreChecked) {
  EXPECT_NO_THROW(Thresholds{}.check());
  EXPECT_THROW((Thresholds{.emerging_ratio = 20}.check()), std::invalid_argument);
  EXPECT_THROW((Thresholds{.stable_angle = 6}.check()), std::invalid_argument);
  EXPECT_THROW((Thresholds{.changed_angle = 91}.check()), std::invalid_argument);
  EXPECT_THROW((Thresholds{.window_steps = -1}.check()), std::invalid_argument);
}

}  // namespace
}  // namespace azimuth
