#include "azimuth/token_strings.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "integrations/checkpoints/gguf/gguf_writer.h"
#include "support/temporary_folder.h"

namespace azimuth {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::SizeIs;
using namespace azimuth::testing;
using Strings = std::vector<std::string>;

const std::filesystem::path kTokens = AZIMUTH_TEST_DATA "/tokens";

/// What the tokenizers' own libraries say (tests/data/tokens/generate.py).
Strings expected(const std::string& folder) {
  Strings strings;
  for (const std::string hex : json::parse(std::ifstream(kTokens / folder / "expected.json"))) {
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
    strings.push_back(bytes);
  }
  return strings;
}

class TokenStrings : public ::testing::Test {
 protected:
  Strings of_file(const std::string& name, const std::string& bytes) {
    folder_.write(name, bytes);
    return read_token_strings(folder_.path());
  }
  Strings of_json(const json& tokenizer) { return of_file("tokenizer.json", tokenizer.dump()); }
  Strings of_gguf(const GgufWriter& file) {
    return read_token_strings(folder_.write("a.gguf", file.bytes()));
  }

  const TemporaryFolder folder_;
};

json with_template(json processor) {
  return {{"model", {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}}}}},
          {"added_tokens", {{{"id", 2}, {"content", "<s>"}, {"special", true}}}},
          {"post_processor", std::move(processor)}};
}

// As Transformers' tokenizers begin a text: a template, perhaps among other steps, or settings that
// say otherwise.
TEST_F(TokenStrings, KnowWhatBeginsAText) {
  const auto beginning = [&](const json& tokenizer) {
    of_json(tokenizer);
    return read_first_token(folder_.path());
  };
  const json text = {{"Sequence", {{"id", "A"}}}};
  const json first = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const json begins = {{"type", "TemplateProcessing"},
                       {"single", {first, text}},
                       {"pair", {text, text}},
                       {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {2}}}}}}};
  json ends = begins;
  ends["single"] = {text, first};
  ends["pair"] = {first, text};
  EXPECT_EQ(beginning(with_template(begins)), 2);
  EXPECT_EQ(beginning(with_template(
                {{"type", "Sequence"}, {"processors", {{{"type", "ByteLevel"}}, begins}}})),
            2);
  EXPECT_EQ(beginning(with_template(ends)), std::nullopt);
  EXPECT_EQ(beginning(with_template(nullptr)), std::nullopt);
  folder_.write("tokenizer_config.json",
                R"({"add_bos_token": true, "bos_token": {"content": "b"}})");
  EXPECT_EQ(beginning(with_template(begins)), 1);
  folder_.write("tokenizer_config.json", R"({"add_bos_token": false, "bos_token": "b"})");
  EXPECT_EQ(beginning(with_template(begins)), std::nullopt);
  folder_.write("tokenizer_config.json", R"({"bos_token": "b"})");
  EXPECT_EQ(beginning(with_template(begins)), 2);
  folder_.write("tokenizer_config.json", R"({"add_bos_token": true, "bos_token": "c"})");
  EXPECT_THAT([&] { beginning(with_template(begins)); },
              ::testing::ThrowsMessage<FileError>(::testing::HasSubstr(
                  "token c: begins every text, and is not in the vocabulary")));
  folder_.write("tokenizer_config.json", R"({"add_bos_token": true, "bos_token": 3})");
  EXPECT_THAT(
      [&] { beginning(with_template(begins)); },
      ::testing::ThrowsMessage<FileError>(::testing::HasSubstr("key bos_token: is no string")));
  EXPECT_EQ(read_first_token(folder_.path() / "no/folder"), std::nullopt);
}

TEST_F(TokenStrings, KnowWhatBeginsATextInGguf) {
  const auto beginning = [&](const std::string& model, std::optional<bool> adds,
                             std::optional<std::uint32_t> id) {
    GgufWriter file;
    file.keys = {{"tokenizer.ggml.model", text(model)},
                 {"tokenizer.ggml.tokens", array(8, 2, raw_string("a") + raw_string("<s>"))}};
    if (adds) {
      const std::string flag = raw<std::uint32_t>(7) + std::string(1, *adds ? '\1' : '\0');
      file.keys.emplace_back("tokenizer.ggml.add_bos_token", flag);
    }
    if (id) file.keys.emplace_back("tokenizer.ggml.bos_token_id", u32(*id));
    return read_first_token(folder_.write("a.gguf", file.bytes()));
  };
  EXPECT_EQ(beginning("gpt2", true, 1), 1);
  EXPECT_EQ(beginning("gpt2", false, 1), std::nullopt);
  EXPECT_EQ(beginning("gpt2", std::nullopt, 1), std::nullopt);
  EXPECT_EQ(beginning("llama", std::nullopt, 1), 1);
  EXPECT_EQ(beginning("llama", false, 1), std::nullopt);
  EXPECT_EQ(beginning("llama", true, std::nullopt), std::nullopt);
  EXPECT_THAT([&] { beginning("llama", true, 2); },
              ::testing::ThrowsMessage<FileError>(::testing::HasSubstr(
                  "key tokenizer.ggml.bos_token_id: is 2, where there are 2 tokens")));
}

TEST_F(TokenStrings, AreThoseOfTheTokenizersOwnLibraries) {
  for (const char* folder : {"byte_level", "sentencepiece_bpe", "unigram", "wordpiece"}) {
    EXPECT_EQ(read_token_strings(kTokens / folder), expected(folder)) << folder;
  }
}

TEST_F(TokenStrings, AreTheSameInEveryFormOfATokenizer) {
  for (const char* folder : {"sentencepiece_bpe", "unigram"}) {
    std::filesystem::copy_file(kTokens / folder / "tokenizer.model", folder_ / "tokenizer.model",
                               std::filesystem::copy_options::overwrite_existing);
    EXPECT_EQ(read_token_strings(folder_.path()), expected(folder)) << folder;
  }
  for (const char* folder : {"byte_level", "sentencepiece_bpe"}) {
    EXPECT_EQ(read_token_strings(kTokens / folder / "model.gguf"), expected(folder)) << folder;
  }
}

TEST_F(TokenStrings, OfOneTextAreAlikeInDifferentTokenizers) {
  EXPECT_THAT(read_token_strings(kTokens / "byte_level"),
              IsSupersetOf({" the", " in", "\n", "\xf0"}));
  EXPECT_THAT(read_token_strings(kTokens / "sentencepiece_bpe"),
              IsSupersetOf({" the", " in", "\n", "\xf0"}));
  EXPECT_THAT(read_token_strings(kTokens / "wordpiece"), IsSupersetOf({" the", " in"}));
}

TEST_F(TokenStrings, OfSpecialTokensAreNotThoseOfTextThatIsSpelledAlike) {
  const json tokenizer = {
      {"model", {{"type", "BPE"}, {"vocab", {{"<s>", 0}, {"a", 1}, {"</s>", 2}, {"<0x41>", 3}}}}},
      {"added_tokens",
       {{{"id", 0}, {"content", "<s>"}, {"special", true}},
        {{"id", 5}, {"content", "<|t|>"}, {"special", false}}}}};
  EXPECT_THAT(of_json(tokenizer), ElementsAre("", "a", "</s>", "<0x41>", "", "<|t|>"));
}

TEST_F(TokenStrings, OfBytesAreReadWhereTheModelFallsBackToThem) {
  json tokenizer = {{"model",
                     {{"type", "BPE"},
                      {"byte_fallback", true},
                      {"vocab", {{"<0x41>", 0}, {"<0xfe>", 1}, {"<0xFE>", 2}, {"\u2581x", 3}}}}}};
  EXPECT_THAT(of_json(tokenizer), ElementsAre("A", "<0xfe>", "\xfe", " x"));
  tokenizer["model"].erase("byte_fallback");
  EXPECT_THAT(of_json(tokenizer), ElementsAre("<0x41>", "<0xfe>", "<0xFE>", " x"));
}

TEST_F(TokenStrings, AreOfByteLevelWhereAnyStepSaysSo) {
  const json byte_level = {{"type", "ByteLevel"}};
  for (const json& step :
       {json{{"pre_tokenizer", byte_level}}, json{{"decoder", byte_level}},
        json{{"normalizer", {{"normalizers", {{{"type", "NFC"}}, byte_level}}}}}}) {
    json tokenizer = step;
    // Without "type", as in old files; the last two are no spelling of bytes, and stand for
    // themselves.
    tokenizer["model"] = {{"vocab", {{"\u0120a", 0}, {"\u0120\u2581", 1}, {"\u0120 ", 2}}},
                          {"merges", {"a b"}}};
    EXPECT_THAT(of_json(tokenizer), ElementsAre(" a", "\u0120\u2581", "\u0120 ")) << step;
  }
  const json elsewhere = {{"post_processor", byte_level}, {"model", {{"vocab", {{"\u0120a", 0}}}}}};
  EXPECT_THAT(of_json(elsewhere), ElementsAre("\u0120a"));
}

TEST_F(TokenStrings, AreNoneWithoutATokenizerThatIsKnown) {
  EXPECT_THAT(read_token_strings(folder_.path()), IsEmpty());
  EXPECT_THAT(read_token_strings(folder_ / "missing"), IsEmpty());
  EXPECT_THAT(read_token_strings(folder_.write("a.safetensors", "none")), IsEmpty());
  EXPECT_THAT(of_json({{"model", {{"type", "WordLevel"}, {"vocab", {{"a", 0}}}}}}), IsEmpty());
  GgufWriter file;
  EXPECT_THAT(of_gguf(file), IsEmpty());
  file.keys = {{"tokenizer.ggml.model", text("rwkv")},
               {"tokenizer.ggml.tokens", array(8, 1, raw_string("a"))}};
  EXPECT_THAT(of_gguf(file), IsEmpty());
  file.keys[0].second = text("gpt2");
  EXPECT_THAT(of_gguf(file), ElementsAre("a"));
}

}  // namespace
}  // namespace azimuth
