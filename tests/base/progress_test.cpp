#include "azimuth/progress.h"

#include <gtest/gtest.h>

#include "azimuth/progress_text.h"

namespace azimuth {
namespace {

class Counter : public Progress {
 public:
  void advance() override { ++parts; }
  bool cancelled() override { return parts == 2; }
  int parts = 0;
};

TEST(Progress, IsToldOfEachPartUntilItEndsTheWork) {
  Counter counter;
  next_part(&counter);
  next_part(&counter);
  EXPECT_EQ(counter.parts, 2);
  EXPECT_THROW(next_part(&counter), Cancelled);
  EXPECT_EQ(counter.parts, 2) << "the part that did not come to its turn";
}

TEST(Progress, NobodyNeedsToWait) { EXPECT_NO_THROW(next_part(nullptr)); }

TEST(ProgressText, IsABarAndAPercentage) {
  const std::string empty = "░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░";
  EXPECT_EQ(progress_text(0, 7), "[" + empty + "] 0%");
  EXPECT_EQ(progress_text(-1, 7), progress_text(0, 7));
  EXPECT_EQ(progress_text(1, 2), "[███████████████░░░░░░░░░░░░░░░] 50%");
  EXPECT_EQ(progress_text(7, 7), "[██████████████████████████████] 100%");
  EXPECT_EQ(progress_text(9, 7), progress_text(7, 7));
  EXPECT_EQ(time_left_text(3, 12, 10), ", about 30 s left");
  EXPECT_EQ(time_left_text(2, 100, 20), ", about 16 min left");
  EXPECT_EQ(time_left_text(2, 1000, 40), ", about 6 h left");
  EXPECT_EQ(time_left_text(99, 100, 10), ", about 1 s left");
  EXPECT_EQ(time_left_text(1, 12, 10), "") << "of one part little can be told";
  EXPECT_EQ(time_left_text(3, 12, 4), "") << "too soon";
  EXPECT_EQ(time_left_text(12, 12, 10), "");
}

}  // namespace
}  // namespace azimuth
