// What sequences of a few tokens do not show of positions.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "azimuth/sequences.h"

namespace azimuth {
namespace {

using ::testing::HasSubstr;

TEST(Rotary, NothingTurnsByWhatMakesNoSense) {
  const auto expect = [](const Rotary& rotary, const char* why) {
    EXPECT_THAT(why_not(rotary, 8), HasSubstr(why));
  };
  EXPECT_EQ(why_not({}, 8), "");
  EXPECT_THAT(why_not({}, 7), HasSubstr("7 numbers of a head of 7"));
  expect({.size = 10}, "10 numbers of a head of 8");
  expect({.size = 3}, "cannot turn in pairs");
  expect({.base = 1}, "base");
  expect({.base = std::numeric_limits<double>::infinity()}, "base");
  expect({.scaling = Rotary::Scaling::linear, .factor = 0}, "factor");
  expect({.magnitude = std::nan("")}, "factor");
  expect({.scaling = Rotary::Scaling::dynamic, .factor = 2}, "positions");
  expect({.size = 2, .scaling = Rotary::Scaling::dynamic, .factor = 2, .positions = 4}, "too few");
  expect({.scaling = Rotary::Scaling::yarn, .positions = 4, .slow = 33}, "bounds");
  expect({.scaling = Rotary::Scaling::llama3, .positions = 4, .slow = 0}, "bounds");
  expect({.scaling = Rotary::Scaling::llama3, .positions = 4, .slow = 32}, "bounds");
  Rotary longrope = {.scaling = Rotary::Scaling::longrope, .positions = 4};
  expect(longrope, "one positive factor");
  longrope.short_factors = longrope.long_factors = {1, 2, 3, 4};
  EXPECT_EQ(why_not(longrope, 8), "");
  longrope.long_factors[2] = 0;
  expect(longrope, "one positive factor");
}

TEST(Rotary, LongSequencesTurnOtherwiseAlone) {
  const Rotary dynamic = {.scaling = Rotary::Scaling::dynamic, .factor = 4, .positions = 100};
  EXPECT_EQ(frequencies(dynamic, 8, 100), frequencies({}, 8, 100));
  EXPECT_LT(frequencies(dynamic, 8, 101)[3], frequencies(dynamic, 8, 100)[3]);
  const Rotary longrope = {.scaling = Rotary::Scaling::longrope,
                           .positions = 100,
                           .short_factors = {1, 1},
                           .long_factors = {2, 2}};
  EXPECT_EQ(frequencies(longrope, 4, 100)[0], 1);
  EXPECT_EQ(frequencies(longrope, 4, 101)[0], 0.5);
}

TEST(Alibi, SlopesAreThoseOfThePaper) {
  EXPECT_THAT(slopes({}, 2), ::testing::ElementsAre(std::exp2(-4), std::exp2(-8)));
  // Between those of four heads, every other one of eight.
  EXPECT_THAT(slopes({}, 6), ::testing::ElementsAre(std::exp2(-2), std::exp2(-4), std::exp2(-6),
                                                    std::exp2(-8), std::exp2(-1), std::exp2(-3)));
}

}  // namespace
}  // namespace azimuth
