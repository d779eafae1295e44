// What a person reads of an observation in a line.

#include "azimuth/snapshot_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "azimuth/absence_words.h"
#include "azimuth/state_words.h"
#include "support/sample_observation.h"

namespace azimuth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string line_of(const Observation& observation) {
  return words::lines_of(observation).at(0).text;
}

/// Column in which `part` begins, with one column for a character of several bytes.
std::size_t column_of(const std::string& line, const std::string& part) {
  const std::size_t position = line.find(part);
  if (position == std::string::npos) return position;
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(position),
                    [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

TEST(SnapshotLine, ShowsWhatDoesNotApplyAsADash) {
  Observation observation;
  observation.step = 7;
  observation.state = State::absent;
  const std::string line = line_of(observation);
  EXPECT_EQ(std::count(line.begin(), line.end(), '-'), 5) << line;
  EXPECT_THAT(line, Not(HasSubstr("nan")));
}

TEST(SnapshotLine, SaysThatThereIsNoDirection) {
  Observation o = testing::sample_observation();
  o.stages.clear();
  o.primary_stage = -1;
  o.direction.clear();
  o.angles.clear();
  o.events.clear();
  o.probe.reference = ReferenceNorm::zero_attention;
  o.blocks[2].ratio_max = 1.834;
  o.blocks[1].ratio_max = 1.1;
  o.state = State::absent;
  o.state_since_step = o.step;
  o.base_absent = true;
  const auto lines = words::lines_of(o);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0].text,
              HasSubstr("absent            1.8  no direction          no direction"));
  EXPECT_EQ(lines[0].tone, words::Tone::plain) << "nothing is wrong";
  EXPECT_THAT(lines[1].text, ::testing::StartsWith("  = absent: No hidden states are more than"));
  EXPECT_THAT(lines[1].text,
              ::testing::EndsWith(" The largest norm ratio is 1.83, at block 2, of token 99."));
  o.base_absent = false;
  EXPECT_THAT(line_of(o), HasSubstr("no direction          -    ")) << "there is no base";
  o.state = State::stable;
  EXPECT_EQ(words::nearest_text(o), "");
}

TEST(SnapshotLine, KeepsColumnsAlignedWhateverIsInThem) {
  Observation odd = testing::sample_observation();
  odd.loss = 123456.7;
  odd.angles = {{"previous", 2.3456, 2e-5, 0}};
  odd.base_absent = false;
  const std::string header = words::header_line();
  const std::string line = line_of(odd);
  EXPECT_THAT(line, HasSubstr("2.346° (±2e-05)"));
  EXPECT_EQ(column_of(header, "to previous"), column_of(line, "2.346"));
  EXPECT_EQ(column_of(header, "to base"), column_of(line, " - ") + 1);
  EXPECT_EQ(column_of(header, "explosion"), column_of(line, " 2  ") + 1);
  EXPECT_THAT(line, HasSubstr("1.23e+05"));
}

TEST(SnapshotLine, TakesTheRatioFromTheBlocksWhereThereIsNoStage) {
  Observation observation = testing::sample_observation();
  observation.stages.clear();
  observation.primary_stage = -1;
  observation.blocks[0].ratio_max = 900;  // the embedding, which never counts
  observation.blocks[1].ratio_max = kNotApplicable;
  observation.blocks[2].ratio_max = 2.5;
  EXPECT_THAT(line_of(observation), HasSubstr("    2.5  0.125°"));
}

TEST(SnapshotLine, ListsTheBlocksOfAllStagesInOrderAndShortensLongLists) {
  Observation observation = testing::sample_observation();
  observation.stages.push_back(observation.stages[0]);
  observation.stages[0].explosion_blocks = {{12, 20.0}};
  observation.stages[1].explosion_blocks = {{3, 4.0}};
  observation.stages[0].decay_blocks = {{10, 0.1}, {11, 0.1}, {12, 0.1}, {13, 0.1}, {14, 0.1}};
  const std::string line = line_of(observation);
  EXPECT_THAT(line, HasSubstr("  3,12          3,10,11,12,…  "));
}

TEST(SnapshotLine, EventsFollowInTheToneOfANotice) {
  Observation observation = testing::sample_observation();
  observation.state = State::changed;
  observation.events = {{"direction_changed", 30, "by 12°", 12},
                        {"base_set", 30, "", kNotApplicable}};
  std::vector<std::string> texts;
  std::vector<words::Tone> tones;
  for (const auto& line : words::lines_of(observation)) {
    texts.push_back(line.text);
    tones.push_back(line.tone);
  }
  texts.erase(texts.begin());
  EXPECT_THAT(texts, ElementsAre("  ! direction changed: by 12°", "  ! base set"));
  EXPECT_THAT(tones, ElementsAre(words::Tone::bad, words::Tone::notice, words::Tone::notice));
}

TEST(SnapshotLine, SaysWhatAStateMeansWhereItBegins) {
  Observation observation = testing::sample_observation();
  observation.events.clear();
  EXPECT_EQ(words::lines_of(observation).size(), 1u);
  observation.state_since_step = observation.step;
  const auto lines = words::lines_of(observation);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[1].text, ::testing::StartsWith("  = stable: The direction rests"));
  EXPECT_EQ(lines[1].tone, words::Tone::good);
}

TEST(SnapshotLine, ShowsALossThatIsNaN) {
  Observation observation = testing::sample_observation();
  observation.loss = kNotApplicable;
  observation.loss_is_nan = true;
  EXPECT_THAT(line_of(observation), HasSubstr("      NaN  stable"));
  observation.loss = HUGE_VAL;
  observation.loss_is_nan = false;
  EXPECT_THAT(line_of(observation), HasSubstr(" infinite  stable"));
  observation.loss = kNotApplicable;
  EXPECT_THAT(line_of(observation), HasSubstr("        -  stable"));
}

TEST(SnapshotLine, NamesTheFirstTensorThatIsNotFinite) {
  Observation observation = testing::sample_observation();
  observation.state = State::nonfinite;
  observation.state_since_step = observation.step;
  observation.events.clear();
  observation.nonfinite = NonfiniteTensor{"layers.1.up", 2, false};
  const auto lines = words::lines_of(observation);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0].text, HasSubstr("  nonfinite  "));
  EXPECT_THAT(lines[1].text, HasSubstr("the first tensor at fault is layers.1.up, of block 2"));
  observation.nonfinite.reset();
  EXPECT_THAT(words::fault_text(observation), HasSubstr("overflow"));
  observation.state = State::stable;
  EXPECT_EQ(words::fault_text(observation), "");
}

TEST(SnapshotLine, IsColouredInItsToneAndLeftAloneWithoutOne) {
  EXPECT_EQ(words::coloured({"text", words::Tone::plain}), "text");
  EXPECT_EQ(words::coloured({"text", words::Tone::bad}), "\x1b[31mtext\x1b[0m");
}

}  // namespace
}  // namespace azimuth
