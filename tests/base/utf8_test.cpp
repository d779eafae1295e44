// Texts of strangers, cut between characters.

#include "azimuth/utf8.h"

#include <gtest/gtest.h>

namespace azimuth {
namespace {

TEST(Utf8, PrefixesAreWholeCharacters) {
  EXPECT_EQ(utf8_prefix("Ökonomie", 1), "Ö");
  EXPECT_EQ(utf8_prefix("日本語", 2), "日本");
  EXPECT_EQ(utf8_prefix("日本語", 9), "日本語");
  EXPECT_EQ(utf8_prefix("", 3), "");
}

TEST(Utf8, BytesThatAreNoCharacterCountAsOneEach) {
  EXPECT_EQ(utf8_characters("a\xff\xe6\x97"), 4u);
  EXPECT_EQ(utf8_prefix("\xe6\x97\xa5\xe6\x97", 2), "\xe6\x97\xa5\xe6");
  EXPECT_EQ(utf8_characters("日本語"), 3u);
}

TEST(Utf8, AnEllipsisStandsForWhatIsCutOffAndForNothingElse) {
  EXPECT_EQ(shortened("日本語", 3), "日本語");
  EXPECT_EQ(shortened("日本語", 2), "日本…");
  EXPECT_EQ(shortened("", 0), "");
}

}  // namespace
}  // namespace azimuth
