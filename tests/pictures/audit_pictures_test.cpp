#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "azimuth/pictures.h"

namespace azimuth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The plot is a square of 340 with its corner at (60, 12); a match is a box of 3.2.
TEST(AuditPictures, MatchesInOrderLieOnTheDiagonal) {
  OrderTest test;
  test.pairs = {{0, 0}, {4, 10}, {8, 20}};
  const std::string picture = draw_matching(test);
  EXPECT_THAT(picture, HasSubstr("M58.4 350.4h3.2"));   // both first: below, at the left
  EXPECT_THAT(picture, HasSubstr("M228.4 180.4h3.2"));  // in the middle of both
  EXPECT_THAT(picture, HasSubstr("M398.4 10.4h3.2"));   // both last: above, at the right
  test.pairs = {{8, 0}, {0, 20}};
  EXPECT_THAT(draw_matching(test), HasSubstr("M398.4 350.4h3.2"));
}

TEST(AuditPictures, ABlockThatIsFoundIsDark) {
  const std::vector<BlockPair> pairs = {
      {2, 1, 10, 5, 1.0}, {2, 2, 10, 5, 0.0}, {5, 1, 10, 5, kNotApplicable}, {5, 2, 10, 10, 0.0}};
  const std::string picture = draw_block_pairs(pairs);
  EXPECT_THAT(picture, HasSubstr("#084594"));  // all
  EXPECT_THAT(picture, HasSubstr("#f0f3f6"));  // none
  EXPECT_THAT(picture, HasSubstr("#7c9cc5"));  // half in order, where there is no share
}

TEST(AuditPictures, TokensLieByTheirCosines) {
  const std::vector<VocabularyPoint> vocabulary = {{0.5F, -0.5F}, {0.0F, 0.0F}};
  const std::string picture = draw_vocabulary(vocabulary);
  EXPECT_THAT(picture, HasSubstr("M398.8 350.8h2.4"));
  EXPECT_THAT(picture, HasSubstr("M228.8 180.8h2.4"));
}

TEST(AuditPictures, SayWhereThereIsNothing) {
  for (const std::string& picture :
       {draw_matching({}), draw_block_pairs({}), draw_vocabulary({})}) {
    EXPECT_THAT(picture, HasSubstr("<svg"));
    EXPECT_THAT(picture, Not(HasSubstr("nan")));
  }
}

}  // namespace
}  // namespace azimuth
