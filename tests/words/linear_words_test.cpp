#include "azimuth/linear_words.h"

#include <gtest/gtest.h>

#include "azimuth/observation.h"

namespace azimuth {
namespace {

TEST(LinearWords, SayWhatABlockWouldDoIfItWereLinear) {
  Observation o;
  o.blocks.resize(6);
  for (std::int32_t b = 0; b <= 5; ++b) {
    BlockObservation& block = o.blocks[static_cast<std::size_t>(b)];
    block.block = b;
    block.gain = 10 * b;
    block.gain_error = b;
  }
  EXPECT_EQ(words::linear_gains_text(o), "") << "neither an explosion nor a decay";
  o.stages.resize(2);
  o.stages[0].explosion_blocks = {{2, 5.0}};
  EXPECT_EQ(words::linear_gains_text(o),
            "If it were linear, block 2 would have a gain of 22, not 20.");
  o.stages[1].decay_blocks = {{4, 0.5}, {5, 0.5}};
  o.blocks[4].spectral_experts = {0, 17};
  o.blocks[4].gain_error = -1.25;
  o.blocks[5].gain_error = kNotApplicable;
  EXPECT_EQ(
      words::linear_gains_text(o),
      "If it were linear, block 2 would have a gain of 22, not 20; block 4 (experts 0, 17) of "
      "38.75, not 40.");
}

TEST(LinearWords, NameExperts) {
  BlockObservation block;
  EXPECT_EQ(words::experts_text(block), "");
  block.spectral_experts = {3};
  EXPECT_EQ(words::experts_text(block), "expert 3");
  block.spectral_experts = {3, 12};
  EXPECT_EQ(words::experts_text(block), "experts 3, 12");
}

}  // namespace
}  // namespace azimuth
