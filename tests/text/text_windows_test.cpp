#include "azimuth/text_windows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <numeric>
#include <stdexcept>

namespace azimuth {
namespace {

using ::testing::HasSubstr;

TokenIds tokens_to(std::int64_t count) {
  TokenIds tokens;
  tokens.file = "text.ids";
  tokens.ids.resize(static_cast<std::size_t>(count));
  std::iota(tokens.ids.begin(), tokens.ids.end(), 0);
  return tokens;
}

std::vector<std::int64_t> ids_of(const TextWindows& text, std::int64_t index) {
  const at::Tensor ids = text.sequence(index).contiguous();
  EXPECT_EQ(ids.dim(), 2);
  EXPECT_EQ(ids.size(0), 1);
  return {ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel()};
}

TEST(TextWindows, FollowOneAnotherAndLeaveOutTheRest) {
  const TextWindows text(tokens_to(11), {.length = 4});
  EXPECT_EQ(text.size(), 2);
  EXPECT_EQ(text.length(), 4);
  EXPECT_EQ(text.tokens(), 8);
  EXPECT_EQ(ids_of(text, 0), (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(ids_of(text, 1), (std::vector<std::int64_t>{4, 5, 6, 7}));
}

TEST(TextWindows, BeginWithTheFirstToken) {
  const TextWindows text(tokens_to(11), {.length = 4, .first_token = 99});
  EXPECT_EQ(text.size(), 3);
  EXPECT_EQ(text.tokens(), 9);
  EXPECT_EQ(ids_of(text, 0), (std::vector<std::int64_t>{99, 0, 1, 2}));
  EXPECT_EQ(ids_of(text, 2), (std::vector<std::int64_t>{99, 6, 7, 8}));
}

TEST(TextWindows, AreAsManyAsAreWanted) {
  EXPECT_EQ(TextWindows(tokens_to(40), {.length = 4, .sequences = 3}).size(), 3);
  EXPECT_EQ(TextWindows(tokens_to(40), {.length = 4, .most = 3}).size(), 3);
  EXPECT_EQ(TextWindows(tokens_to(40), {.length = 4, .sequences = 5, .most = 3}).size(), 5);
  EXPECT_EQ(TextWindows(tokens_to(11), {.length = 4, .most = 3}).size(), 2);
}

std::string refusal(std::int64_t count, const TextCut& cut) {
  try {
    const TextWindows text(tokens_to(count), cut);
    return "none";
  } catch (const FileError& error) {
    return error.what();
  }
}

TEST(TextWindows, RefuseATextThatIsTooShort) {
  EXPECT_EQ(refusal(3, {.length = 4}),
            "text.ids: token ids: has 3 tokens, where 1 sequence of 4 take 4");
  EXPECT_EQ(refusal(3, {.length = 4, .first_token = 9}), "none");
  EXPECT_EQ(refusal(7, {.length = 4, .sequences = 2}),
            "text.ids: token ids: has 7 tokens, where 2 sequences of 4 take 8");
  EXPECT_EQ(refusal(8, {.length = 4, .sequences = 2}), "none");
  EXPECT_EQ(refusal(8, {.length = 4, .least = 3}),
            "text.ids: token ids: has 8 tokens, where 3 sequences of 4 take 12");
  EXPECT_EQ(refusal(8, {.length = 4, .least = 2}), "none");
  EXPECT_THROW(TextWindows(tokens_to(8), {.length = 1}), std::invalid_argument);
  EXPECT_THROW(TextWindows(tokens_to(8), {.sequences = -1}), std::invalid_argument);
  EXPECT_THROW(TextWindows(tokens_to(8), {.most = 0}), std::invalid_argument);
  EXPECT_THROW(TextWindows(tokens_to(8), {.least = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace azimuth
