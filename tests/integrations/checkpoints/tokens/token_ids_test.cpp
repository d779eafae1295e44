#include "azimuth/token_ids.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "azimuth/token_strings.h"
#include "support/temporary_folder.h"

namespace azimuth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

const std::filesystem::path kTokenizers = AZIMUTH_TEST_DATA "/tokens";
constexpr const char* kTokenizerKinds[] = {"byte_level", "sentencepiece_bpe", "unigram",
                                           "wordpiece"};
constexpr std::int64_t kVocabSize = 1000;

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string little_endian(std::uint64_t number, std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(number >> 8 * i));
  return out;
}

std::string file_of(std::size_t width, std::uint64_t vocab, const std::vector<std::uint64_t>& ids) {
  std::string out = "AZTOKENS" + little_endian(1, 4) + little_endian(width, 4) +
                    little_endian(vocab, 8) + little_endian(ids.size(), 8) +
                    std::string(32, '\x5a');
  for (const std::uint64_t id : ids) out += little_endian(id, width);
  return out;
}

class TokenIdsFile : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& bytes) { return folder_.write("text.ids", bytes); }
  void expect_refused(const std::string& bytes, const std::string& why) {
    const auto file = write(bytes);
    EXPECT_THAT([&] { read_token_ids(file); },
                ThrowsMessage<FileError>(AllOf(StartsWith(file.string()), HasSubstr(why))));
  }

  const TemporaryFolder folder_;
};

TEST_F(TokenIdsFile, IsAsTheScriptWritesIt) {
  for (const char* kind : kTokenizerKinds) {
    const TokenIds tokens = read_token_ids(kTokenizers / kind / "text.ids");
    EXPECT_EQ(tokens.vocab_size, std::ssize(read_token_strings(kTokenizers / kind))) << kind;
    refuse_tokens_of_another(tokens, kTokenizers / kind, kVocabSize);
  }
  for (const char* kind : {"byte_level", "sentencepiece_bpe"}) {
    const TokenIds tokens = read_token_ids(kTokenizers / kind / "text.ids");
    refuse_tokens_of_another(tokens, kTokenizers / kind / "model.gguf", kVocabSize);
    std::string text;
    for (const std::int64_t id : tokens.ids) {
      text += read_token_strings(kTokenizers / kind)[static_cast<std::size_t>(id)];
    }
    EXPECT_THAT(contents(kTokenizers / "text.txt"), HasSubstr(text.substr(1, 40))) << kind;
  }
}

TEST_F(TokenIdsFile, HasIdsOfTwoBytesOrFour) {
  EXPECT_THAT(read_token_ids(write(file_of(2, 65536, {258, 65535}))).ids, ElementsAre(258, 65535));
  const TokenIds wide = read_token_ids(write(file_of(4, 151936, {7, 151935})));
  EXPECT_THAT(wide.ids, ElementsAre(7, 151935));
  EXPECT_EQ(wide.vocab_size, 151936);
  EXPECT_THAT(wide.tokenizer_digest, StartsWith("5a5a"));
}

TEST_F(TokenIdsFile, OfAnotherTokenizerIsRefused) {
  for (const char* kind : kTokenizerKinds) {
    for (const char* other : kTokenizerKinds) {
      if (kind == std::string(other)) continue;
      const TokenIds tokens = read_token_ids(kTokenizers / kind / "text.ids");
      EXPECT_THAT([&] { refuse_tokens_of_another(tokens, kTokenizers / other, kVocabSize); },
                  ThrowsMessage<FileError>(HasSubstr("another tokenizer than that of")))
          << kind << other;
    }
  }
}

TEST_F(TokenIdsFile, WithIdsThatTheModelDoesNotHaveIsRefused) {
  const TokenIds tokens = read_token_ids(write(file_of(2, 100, {3, 99, 4})));
  refuse_tokens_of_another(tokens, folder_.path(), 100);
  EXPECT_THAT(
      [&] { refuse_tokens_of_another(tokens, folder_.path(), 99); },
      ThrowsMessage<FileError>(HasSubstr("has the id 99, beyond the model's vocabulary of 99")));
}

TEST_F(TokenIdsFile, ThatIsDamagedIsRefused) {
  const std::string good = file_of(2, 100, {3, 99, 4});
  for (std::size_t bytes = 1; bytes < good.size(); ++bytes) {
    expect_refused(good.substr(0, bytes), "token ids: ");
  }
  expect_refused(good + "x", "has 7 bytes of ids, where 3 ids have 6");
  expect_refused("BZTOKENS" + good.substr(8), "is not a file of token ids");
  expect_refused(good.substr(0, 8) + little_endian(2, 4) + good.substr(12), "has version 2");
  for (const std::uint64_t width : {0, 1, 3, 8}) {
    expect_refused(good.substr(0, 12) + little_endian(width, 4) + good.substr(16),
                   "they have 2 or 4");
  }
  expect_refused(file_of(2, 99, {3, 99, 4}), "has the id 99 in a vocabulary of 99");
  expect_refused(file_of(2, 99, {}), "has no ids");
  // Times the bytes of an id this count is the file's size again, in 64 bits.
  expect_refused(
      good.substr(0, 24) + little_endian((std::uint64_t{1} << 63) + 3, 8) + good.substr(32),
      "at most 100000000 are read");
}

}  // namespace
}  // namespace azimuth
