// What `azimuth watch` shows on a terminal.

#include "watch/watch_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "azimuth/utf8.h"
#include "support/sample_observation.h"

namespace azimuth::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// The line that says when the newest snapshot was, so many seconds after it.
std::string shown_after(double seconds) {
  const Observation o = testing::sample_observation();
  WatchView view("127.0.0.1:50051");
  view.add(o);
  return view.lines(120, 40, o.time + seconds).at(1).text;
}

TEST(WatchView, SaysHowOldTheNewestSnapshotIs) {
  EXPECT_THAT(shown_after(0), HasSubstr("   0 s ago, 20"));
  EXPECT_THAT(shown_after(119), HasSubstr("   119 s ago, 20"));
  EXPECT_THAT(shown_after(120), HasSubstr("   2 min ago, 20"));
  EXPECT_THAT(shown_after(2.0 * 3600), HasSubstr("   2 h ago, 20"));
  EXPECT_THAT(shown_after(47.0 * 3600), HasSubstr("   47 h ago, 20"));
  EXPECT_THAT(shown_after(21.0 * 86'400), HasSubstr("   21 days ago, 20"));
}

TEST(WatchView, SaysNoAgeWhereTheClocksOfTwoMachinesDiffer) {
  EXPECT_THAT(shown_after(-5), Not(HasSubstr("ago")));
}

TEST(WatchView, SaysWhatTheStateMeansAndWhichThresholdAnAngleHasPassed) {
  WatchView view("127.0.0.1:50051");
  view.add(testing::sample_observation());
  std::string all;
  for (const auto& line : view.lines(80, 40, 0)) {
    EXPECT_LT(utf8_characters(line.text), 80u) << line.text;
    all += line.text + "\n";
  }
  EXPECT_THAT(all, HasSubstr("training usually goes on like this."));
  EXPECT_THAT(all, HasSubstr("1.250° (±0.020) < 5°"));
}

TEST(WatchView, SaysWhereTheLongestHiddenStateIsWhereThereIsNoDirection) {
  Observation o = testing::sample_observation();
  o.stages.clear();
  o.primary_stage = -1;
  o.probe.reference = ReferenceNorm::zero_attention;
  o.state = State::absent;
  WatchView view("127.0.0.1:50051");
  view.add(o);
  std::string all;
  for (const auto& line : view.lines(200, 40, 0)) {  // sentences go on in the next line
    all += " " + line.text.substr(std::min(line.text.size(), line.text.find_first_not_of(' ')));
  }
  EXPECT_THAT(all, HasSubstr("ratio is 102, at block 2, of token 99."));
  EXPECT_THAT(all, HasSubstr("base has no high-norm direction"));
}

TEST(WatchView, NamesTheFirstTensorThatIsNotFinite) {
  Observation o = testing::sample_observation();
  o.state = State::nonfinite;
  o.loss = kNotApplicable;
  o.nonfinite = NonfiniteTensor{"layers.1.up", 2, false};
  WatchView view("127.0.0.1:50051");
  view.add(o);
  std::string all;
  for (const auto& line : view.lines(120, 40, 0)) all += line.text + "\n";
  EXPECT_THAT(all, HasSubstr("loss NaN"));
  EXPECT_THAT(all, HasSubstr("nonfinite since step"));
  EXPECT_THAT(all, HasSubstr("layers.1.up, of block 2."));
}

TEST(WatchView, ALowTerminalShowsTheNewestLines) {
  WatchView view("127.0.0.1:50051");
  view.add(testing::sample_observation());
  view.set_note("the run has ended");
  const auto lines = view.lines(20, 2, 0);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines.back().text, HasSubstr("the run has ended"));
}

}  // namespace
}  // namespace azimuth::cli
