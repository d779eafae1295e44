// What the words of a run mean, and that documents and dashboards say the same.

#include "azimuth/state_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "azimuth/thresholds.h"

namespace azimuth {
namespace {

using ::testing::HasSubstr;

std::string file(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(std::string(AZIMUTH_ROOT "/") + name).rdbuf();
  return text.str();
}

TEST(StateWords, AreThereForEveryStateWithWhatToDo) {
  ASSERT_EQ(words::state_words().size(), kStates.size());
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    const words::StateWords& state = words::state_words()[i];
    EXPECT_EQ(state.state, kStates[i]);
    EXPECT_TRUE(state.meaning.ends_with('.') && state.advice.ends_with('.'));
    EXPECT_EQ(words::state_text(state.state),
              std::string(state.meaning) + " " + std::string(state.advice));
  }
  EXPECT_EQ(words::state_text(State::unspecified), "");
}

TEST(StateWords, HaveTheDegreesOfTheThresholds) {
  const Thresholds t;
  EXPECT_EQ(t.stable_angle, 2);
  EXPECT_EQ(t.drift_angle, 5);
  EXPECT_EQ(t.changed_angle, 30);
  EXPECT_EQ(t.emerging_ratio, 2);
  EXPECT_EQ(t.high_norm_ratio, 10);
  EXPECT_THAT(words::state_text(State::stable), HasSubstr("at most 2°"));
  EXPECT_THAT(words::state_text(State::drifting), HasSubstr("more than 5°"));
  EXPECT_THAT(words::state_text(State::changed), HasSubstr("more than 30°"));
}

TEST(StateWords, SayWhichThresholdAnAngleHasPassed) {
  const auto band = [](const char* reference, double degrees) {
    return words::band_text({reference, degrees, 0.01, 0});
  };
  EXPECT_EQ(band("previous", 0.5), "< 2°");
  EXPECT_EQ(band("previous", 40), "> 2°");
  EXPECT_EQ(band("base", 0.5), "< 5°");
  EXPECT_EQ(band("base", 7), "> 5°");
  EXPECT_EQ(band("base", 31), "> 30°");
  EXPECT_EQ(band("base", kNotApplicable), "");
  EXPECT_EQ(words::reading_text({"base", 0.5, 0.01, 0}), "below 5°, where drifting begins");
  EXPECT_THAT(words::reading_text({"base", 7, 0.01, 0}), HasSubstr("beyond 5°"));
  EXPECT_THAT(words::reading_text({"release", 31, 0.01, 0}), HasSubstr("beyond 30°"));
}

TEST(StateWords, StandInTheirDocumentAndOnTheDashboards) {
  const std::string document = file("docs/states.md");
  const std::string dashboard = file("grafana/dashboards/direction.json");
  for (const words::StateWords& state : words::state_words()) {
    const std::string meaning(state.meaning);
    const std::string advice(state.advice);
    const std::string row =
        "| `" + std::string(name_of(state.state)) + "` | " + meaning + " | " + advice + " |";
    EXPECT_NE(document.find(row), std::string::npos) << row;
    EXPECT_NE(dashboard.find(meaning + " " + advice), std::string::npos) << row;
  }
}

TEST(Glossary, StandsInTheReadme) {
  const std::string readme = file("README.md");
  EXPECT_EQ(words::glossary().size(), 10u);
  for (const words::Term& term : words::glossary()) {
    const std::string row =
        "| " + std::string(term.term) + " | " + std::string(term.meaning) + " |";
    EXPECT_NE(readme.find(row), std::string::npos) << row;
  }
}

}  // namespace
}  // namespace azimuth
