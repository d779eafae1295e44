#include <gmock/gmock.h>

#include <functional>

#include "azimuth/token_strings.h"
#include "integrations/checkpoints/gguf/gguf_writer.h"
#include "support/temporary_folder.h"

namespace azimuth {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

struct HostileTokenizer {
  const char* name;
  const char* file;
  std::string bytes;
  std::string words;  ///< that the error says behind the file's name
  /// What stands for "@" in `bytes`: made by the test alone that needs it.
  std::string many = {};
  int times = 0;
};

void PrintTo(const HostileTokenizer& hostile, std::ostream* out) { *out << hostile.name; }

HostileTokenizer tokenizer(const char* name, std::string text, std::string words) {
  return {name, "tokenizer.json", std::move(text), std::move(words)};
}

HostileTokenizer vocabulary(const char* name, const std::string& value, std::string words) {
  return tokenizer(name, R"({"model": {"type": "BPE", "vocab": )" + value + "}}", std::move(words));
}

HostileTokenizer added(const char* name, const std::string& tokens, std::string words) {
  return tokenizer(name, R"({"model": {"vocab": {"a": 0}}, "added_tokens": [)" + tokens + "]}",
                   std::move(words));
}

HostileTokenizer sentencepiece(const char* name, std::string bytes, std::string words) {
  return {name, "tokenizer.model", std::move(bytes), std::move(words)};
}

/// A piece with its type, as protobuf writes them.
std::string piece(const std::string& text, char type = 1) {
  const std::string fields =
      "\x0a" + std::string(1, static_cast<char>(text.size())) + text + "\x18" + type;
  return "\x0a" + std::string(1, static_cast<char>(fields.size())) + fields;
}

HostileTokenizer gguf(const char* name, const std::function<void(GgufWriter&)>& damage,
                      std::string words) {
  GgufWriter file;
  file.keys = {{"tokenizer.ggml.model", text("llama")},
               {"tokenizer.ggml.tokens", array(8, 2, raw_string("a") + raw_string("b"))},
               {"tokenizer.ggml.token_type", array(5, 2, raw(1) + raw(1))}};
  damage(file);
  return {name, "a.gguf", file.bytes(), std::move(words)};
}

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

HostileTokenizer swollen(HostileTokenizer tokenizer, std::string many, int times) {
  tokenizer.many = std::move(many);
  tokenizer.times = times;
  return tokenizer;
}

const std::string kVocabulary = R"({"model": {"type": "BPE", "vocab": {"a": 0}}})";

const HostileTokenizer kHostileTokenizers[] = {
    tokenizer("NoJson", "tokens", "JSON: "),
    tokenizer("Empty", "", "is empty"),
    tokenizer("CutShort", kVocabulary.substr(0, 30), "JSON: "),
    tokenizer("AnArray", "[]", "key model.vocab: is missing"),
    tokenizer("ANumber", "1", "key model.vocab: is missing"),
    tokenizer("WithoutVocabulary", R"({"model": {"type": "BPE"}})", "key model.vocab: is missing"),
    tokenizer("ModelIsAnArray", R"({"model": [{"vocab": {"a": 0}}]})",
              "key model.vocab: is missing"),
    tokenizer("TooDeep", repeated("[", 100) + repeated("]", 100), "is nested more than 32 deep"),
    tokenizer("OneHundredThousandDeep", repeated("[", 100'000), "is nested more than 32 deep"),
    tokenizer("VocabularyTwice", R"({"model": {"vocab": {"a": 0}, "vocab": {"a": 1}}})",
              R"("vocab" appears twice)"),
    tokenizer("NotUtf8", "{\"model\": {\"vocab\": {\"\xff\": 0}}}", "UTF-8"),
    tokenizer("HalfASurrogate", R"({"model": {"vocab": {"\ud800": 0}}})", "surrogate"),
    vocabulary("VocabularyIsANumber", "1", "key model.vocab: is missing"),
    vocabulary("TokenTwice", R"({"a": 0, "a": 1})", R"("a" appears twice)"),
    vocabulary("IdTwice", R"({"a": 1, "b": 1})", "token b: has the id 1, as another one has"),
    vocabulary("IdNegative", R"({"a": -1})", "token a: has the id -1; 0 to 1999999 are read"),
    vocabulary("IdTooLarge", R"({"a": 2000000})", "token a: has the id 2000000"),
    vocabulary("IdOverflows", R"({"a": 18446744073709551615})",
               "token a: has the id 9223372036854775807"),
    vocabulary("IdBeyondAnyInteger", R"({"a": 99999999999999999999})",
               "token a: its id is not an integer"),
    vocabulary("IdIsAFraction", R"({"a": 0.5})", "token a: its id is not an integer"),
    vocabulary("IdIsAString", R"({"a": "0"})", "token a: its id is not an integer"),
    vocabulary("IdIsAnArray", R"({"a": [0]})", "token a: its id is not an integer"),
    vocabulary("IdIsAnObject", R"({"a": {"b": 0}})", "token a: its id is not an integer"),
    vocabulary("NameWithLineBreak", R"({"a\nb": -1})", "token a\\x0ab: has the id -1"),
    vocabulary("ListOfStrings", R"(["a"])", "vocabulary: number 0 is no pair"),
    vocabulary("ListOfObjects", R"([["a", 0], {"a": 0}])", "vocabulary: number 1 is no pair"),
    vocabulary("ListOfScores", R"([[0, "a"]])", "vocabulary: number 0 is no pair"),
    vocabulary("ListOfLists", R"([[["a"], 0]])", "vocabulary: number 0 is no pair"),
    vocabulary("ListOfEmptyPairs", R"([["a", 0], []])", "vocabulary: number 1 is no pair"),
    swollen(vocabulary("FiveMillionScores", "[@0]", "vocabulary: number 0 is no pair"), "0,",
            5'000'000),
    swollen(tokenizer("FiveMillionMerges", R"({"model": {"merges": [@0]}})",
                      "JSON: holds more than the 4000000 values that are read"),
            "0,", 5'000'000),
    added("AddedWithoutContent", R"({"id": 1})", "added token number 1: has no content"),
    added("AddedWithoutId", R"({"id": 1, "content": "b"}, {"content": "c"})",
          "added token number 2: has no id"),
    added("AddedIdIsAString", R"({"id": "1", "content": "b"})", "added token number 1: has no id"),
    added("AddedIdTwice", R"({"id": 1, "content": "b"}, {"id": 1, "content": "c"})",
          "token c: has the id 1, as another one has"),
    added("AddedIdNegative", R"({"id": -9, "content": "b"})", "token b: has the id -9"),

    sentencepiece("ModelIsEmpty", "", "is empty"),
    sentencepiece("ModelIsCutShort", piece("a") + piece("b").substr(0, 4),
                  "SentencePiece model: has no tokens: it is damaged, or is no such"),
    sentencepiece("ModelIsText", "IQ== 0\nIg== 1\n", "SentencePiece model: has no tokens"),
    sentencepiece("ModelHasNoPieces", std::string("\x1a\x00", 2),
                  "SentencePiece model: has no tokens"),
    sentencepiece("PieceNotUtf8", piece("a") + piece("\xff"), "token \\xff: is not UTF-8"),
    sentencepiece("PieceIsNoByte", piece("<0x4g>", 6), "token <0x4g>: is no byte"),
    sentencepiece("ModelTooLarge", std::string((10 << 20) + 1, '\n'), "at most 10485760 are read"),
    sentencepiece("ModelIsAPointer", "version https://git-lfs.github.com/spec/v1\n",
                  "Git LFS pointer"),
    // Of two bytes each, as many as fit.
    swollen(sentencepiece("TooManyPieces", "@",
                          "SentencePiece model: has 2000001 tokens; at most 2000000 are read"),
            std::string("\x0a\x00", 2), 2'000'001),

    gguf(
        "GgufTokenNotUtf8",
        [](GgufWriter& f) { f.keys[1].second = array(8, 2, raw_string("a") + raw_string("\xff")); },
        "token \\xff: is not UTF-8"),
    gguf(
        "GgufTokensAreNumbers", [](GgufWriter& f) { f.keys[1].second = array(4, 1, raw(0u)); },
        "key tokenizer.ggml.tokens: is not a string"),
    gguf(
        "GgufTokensAreOneString", [](GgufWriter& f) { f.keys[1].second = text("a"); },
        "key tokenizer.ggml.tokens: is not an array"),
    gguf(
        "GgufTypesAreFewer", [](GgufWriter& f) { f.keys[2].second = array(5, 1, raw(1)); },
        "key tokenizer.ggml.token_type: has 1 elements, where there are 2 tokens"),
    gguf(
        "GgufTypesAreStrings", [](GgufWriter& f) { f.keys[2].second = f.keys[1].second; },
        "key tokenizer.ggml.token_type: is not an integer"),
    gguf(
        "GgufModelIsANumber", [](GgufWriter& f) { f.keys[0].second = u32(1); },
        "key tokenizer.ggml.model: is not a string"),
    gguf(
        "GgufTooManyTokens",
        [](GgufWriter& f) {
          f.keys[1].second = array(8, 2'000'001, std::string(16'000'008, '\0'));
        },
        "key tokenizer.ggml.tokens: has 2000001 tokens; at most 2000000 are read"),
};

class HostileTokenizers : public ::testing::TestWithParam<HostileTokenizer> {};

TEST_P(HostileTokenizers, AreRefused) {
  const TemporaryFolder folder;
  std::string bytes = GetParam().bytes;
  if (GetParam().times > 0) {
    bytes.replace(bytes.find('@'), 1, repeated(GetParam().many, GetParam().times));
  }
  const std::filesystem::path file = folder.write(GetParam().file, bytes);
  const bool alone = file.extension() == ".gguf";
  EXPECT_THAT([&] { read_token_strings(alone ? file : folder.path()); },
              ThrowsMessage<FileError>(
                  ::testing::AllOf(HasSubstr(file.string() + ": "), HasSubstr(GetParam().words))));
}

INSTANTIATE_TEST_SUITE_P(, HostileTokenizers, ::testing::ValuesIn(kHostileTokenizers),
                         [](const auto& tested) { return tested.param.name; });

TEST(HostileTokenizer, IsRefusedWhereverItIsCut) {
  const std::filesystem::path data = AZIMUTH_TEST_DATA "/tokens/sentencepiece_bpe";
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "tokenizer.json";
  std::filesystem::copy_file(data / "tokenizer.json", file);
  const auto size = std::filesystem::file_size(file);
  for (std::uintmax_t percent = 100; percent-- > 0;) {
    std::filesystem::resize_file(file, size * percent / 100);
    EXPECT_THROW(read_token_strings(folder.path()), FileError) << "cut at " << percent << "%";
  }
}

}  // namespace
}  // namespace azimuth
