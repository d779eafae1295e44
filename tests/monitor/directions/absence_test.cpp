#include "azimuth/absence.h"

#include <gtest/gtest.h>

#include <cmath>

namespace azimuth {
namespace {

// Token 17 is the longest at block 2, and token 9 at the embedding, which does not count.
Observation without_direction() {
  Observation o;
  o.probe.token_ids = {9, 17};
  o.blocks.resize(4);
  for (std::size_t b = 0; b < 4; ++b) {
    BlockObservation& block = o.blocks[b];
    block.block = static_cast<std::int32_t>(b);
    block.norms = {1.1, b == 2 ? 1.834 : 1.0};
    block.reference_norm = 1;
    block.ratio_max = b == 2 ? 1.834 : 1.1;
  }
  o.blocks[0].norms = {8, 1};
  o.blocks[0].ratio_max = 8;
  return o;
}

TEST(Absence, SaysTheLargestRatioAndWhereItIs) {
  Observation o = without_direction();
  const std::string where = "the largest norm ratio is 1.83, at block 2, of token 17";
  EXPECT_EQ(absence_text(o), "ABSENT: no token is high-norm; " + where);
  EXPECT_EQ(absence_text(signature_of(o, kNotApplicable)), absence_text(o));
  o.direction = {1, 0};
  o.provisional = true;
  EXPECT_EQ(absence_text(o), "ABSENT: no token is high-norm; " + where) << "a forecast is none";
  o.probe.reference = ReferenceNorm::activations;
  EXPECT_EQ(largest_ratio_text(o),
            "the largest norm ratio is 1.83 against activations, at block 2, of token 17");
}

TEST(Absence, IsSaidOfNothingElse) {
  Observation o = without_direction();
  o.blocks[3].norms[0] = NAN;
  EXPECT_EQ(absence_text(o), "") << "not finite";
  o = without_direction();
  o.stages.resize(1);
  o.stages[0].first_block = o.stages[0].last_block = 3;
  o.stages[0].peak_ratio = 1.1;
  o.primary_stage = 0;
  EXPECT_EQ(absence_text(o), "");
  EXPECT_EQ(largest_ratio(o).block, 3) << "of the primary stage";
  EXPECT_EQ(largest_ratio(o).token_id, 9);
}

// Of a stranger's file anything may be missing.
TEST(Absence, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(absence_text(Signature()), "ABSENT: no token is high-norm");
  Observation o = without_direction();
  o.probe.token_ids = {9};
  o.blocks[1].ratio_max = NAN;
  EXPECT_EQ(largest_ratio_text(o), "the largest norm ratio is 1.83, at block 2");
  for (BlockObservation& block : o.blocks) {
    block.norms.clear();
    block.ratio_max = NAN;
  }
  EXPECT_EQ(absence_text(o), "ABSENT: no token is high-norm");
  EXPECT_EQ(largest_ratio(o).block, -1);
}

}  // namespace
}  // namespace azimuth
