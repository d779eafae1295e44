// `azimuth inspect --text` as a person calls it, on models that Transformers wrote.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "azimuth/sha256.h"
#include "cli/run_program.h"
#include "support/temporary_folder.h"
#include "text/ids_file.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const std::string kModels = AZIMUTH_TEST_DATA "/architectures/";
const std::filesystem::path kLogits = AZIMUTH_TEST_DATA "/logits";

// Of logits that Transformers computed.
double perplexity_of(const json& expected) {
  double loss = 0;
  const json& ids = expected.at("ids");
  for (std::size_t t = 0; t + 1 < ids.size(); ++t) {
    const std::vector<double> logits = expected.at("logits").at(t);
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit);
    loss += std::log(sum) - logits[ids.at(t + 1).get<std::size_t>()];
  }
  return std::exp(loss / static_cast<double>(ids.size() - 1));
}

// Of a tokenizer that spells every id "t" and its number.
std::string digest_of(std::vector<std::int64_t> ids) {
  std::ranges::sort(ids);
  const auto [first, last] = std::ranges::unique(ids);
  ids.erase(first, last);
  const auto number = [](std::size_t of) {
    const auto word = static_cast<std::uint32_t>(of);
    return std::string(reinterpret_cast<const char*>(&word), sizeof(word));
  };
  Sha256 sum;
  for (const std::int64_t id : ids) {
    const std::string spelling = "t" + std::to_string(id);
    sum.add(number(static_cast<std::size_t>(id)) + number(spelling.size()) + spelling);
  }
  const std::string hex = sum.hexadecimal();
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

TEST(TextProgram, MeasuresThePerplexityThatTransformersHas) {
  const json expected = json::parse(contents_of(kLogits / "llama.json"));
  std::vector<std::int64_t> ids = expected.at("ids");
  const std::string length = std::to_string(ids.size());
  ids.push_back(1);  // fills no sequence
  const TemporaryFolder folder;
  const std::string file = write_ids(folder.path() / "text.ids", ids, 40);
  const Ended ended = run_program({"inspect", kModels + "llama", "--text", file, "--length", length,
                                   "--no-spectral", "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.err, "") << "no bar in a pipe";
  const json o = json::parse(ended.out);
  EXPECT_EQ(o.at("blocks").size(), 5u) << "what weights say stands beside it";
  const json& text = o.at("text");
  EXPECT_NEAR(text.at("perplexity").get<double>() / perplexity_of(expected), 1, 1e-5);
  EXPECT_EQ(text.at("sequences"), "1");
  EXPECT_EQ(text.at("length"), length);
  EXPECT_EQ(text.at("first_token_id"), "-1");
  EXPECT_EQ(text.at("ids_digest"), run({"sha256sum", file}).out.substr(0, 64));
  EXPECT_THAT(run_program({"inspect", kModels + "llama", "--text", file, "--length", "4"}).out,
              HasSubstr("\nOn text: 4 sequences of 4 tokens, perplexity "));
}

TEST(TextProgram, BeginsSequencesAsTheTokenizerBeginsAText) {
  const json expected = json::parse(contents_of(kLogits / "llama.json"));
  std::vector<std::int64_t> ids = expected.at("ids");
  const std::int64_t first = ids.front();
  ids.erase(ids.begin());
  const TemporaryFolder folder;
  const std::filesystem::path model = folder.path() / "model";
  std::filesystem::copy(kModels + "llama", model);
  json vocabulary;
  for (std::int64_t id = 0; id < 37; ++id) vocabulary["t" + std::to_string(id)] = id;
  std::ofstream(model / "tokenizer.json")
      << json{{"model", {{"type", "BPE"}, {"vocab", vocabulary}}}};
  std::ofstream(model / "tokenizer_config.json")
      << json{{"add_bos_token", true}, {"bos_token", "t" + std::to_string(first)}};
  const std::string file = write_ids(folder.path() / "text.ids", ids, 40, digest_of(ids));
  const Ended ended =
      run_program({"inspect", model, "--text", file, "--length", std::to_string(ids.size() + 1),
                   "--no-spectral", "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json text = json::parse(ended.out).at("text");
  EXPECT_EQ(text.at("first_token_id"), std::to_string(first));
  EXPECT_NEAR(text.at("perplexity").get<double>() / perplexity_of(expected), 1, 1e-5);
}

TEST(TextProgram, AloneLoadsLibTorch) {
  EXPECT_THAT(run({"ldd", AZIMUTH_PROGRAM "-text"}).out, HasSubstr("libtorch"));
  const std::string others = run({"ldd", AZIMUTH_PROGRAM}).out;
  EXPECT_THAT(others, HasSubstr("libsqlite3"));
  EXPECT_THAT(others, ::testing::Not(HasSubstr("torch")));
}

TEST(TextProgram, IsMissedInALine) {
  const TemporaryFolder folder;
  const std::string alone = folder.path() / "azimuth";
  std::filesystem::copy(AZIMUTH_PROGRAM, alone);
  const Ended ended = run({alone, "inspect", kModels + "llama", "--text", "text.ids"});
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.err, "azimuth: " + alone +
                           "-text: start: is missing; the package azimuth-text has it, which is "
                           "built where LibTorch is (target azimuth_text_program)\n");
}

struct BadText {
  std::string name;
  std::string model;
  std::vector<std::int64_t> ids;  ///< of which a file is written; none: it is not there
  std::vector<std::string> more;
  int code;
  std::string message;  ///< behind FILE, or else all of the line
};

class TextProgramBad : public ::testing::TestWithParam<BadText> {};

TEST_P(TextProgramBad, IsOneLine) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "text.ids";
  if (!GetParam().ids.empty()) write_ids(file, GetParam().ids, 60'000);
  std::vector<std::string> words = {"inspect", GetParam().model, "--text", file};
  words.insert(words.end(), GetParam().more.begin(), GetParam().more.end());
  const Ended ended = run_program(words);
  EXPECT_EQ(ended.code, GetParam().code);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
  EXPECT_THAT(ended.err, ::testing::StartsWith("azimuth: "));
  EXPECT_THAT(ended.err, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Calls, TextProgramBad,
    ::testing::Values(
        BadText{"NoFile", kModels + "llama", {}, {}, 3, "text.ids: "},
        BadText{"TooShort",
                kModels + "llama",
                {1, 2, 3},
                {},
                3,
                "text.ids: token ids: has 3 tokens, where 1 sequence of 512 take 512"},
        BadText{"TooFewSequences",
                kModels + "llama",
                {1, 2, 3},
                {"--length", "3", "--sequences", "2"},
                3,
                "has 3 tokens, where 2 sequences of 3 take 6"},
        BadText{"BeyondTheVocabulary",
                kModels + "llama",
                {1, 50'000},
                {"--length", "2"},
                3,
                "text.ids: token ids: has the id 50000, beyond the model's vocabulary of "},
        BadText{"NotRun",
                kModels + "falcon_h1",
                {1, 2},
                {"--length", "2"},
                3,
                "; families that can be run from Hugging Face files: apertus, arcee, bamba"},
        BadText{"NoNumber", kModels + "llama", {1, 2}, {"--sequences", "0"}, 2, "--sequences"}),
    [](const auto& info) { return info.param.name; });

TEST(TextProgram, WantsATextForItsLength) {
  const Ended ended = run_program({"inspect", kModels + "llama", "--length", "4"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("--length requires --text"));
}

TEST(TextProgram, WantsWeights) {
  const TemporaryFolder folder;
  const std::string signature = folder.path() / "s.azsig";
  ASSERT_EQ(run_program({"signature", kModels + "llama", "-o", signature}).code, 0);
  const Ended ended = run_program({"inspect", signature, "--text", "text.ids"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("--text: needs weights, which "));
}

}  // namespace
}  // namespace azimuth::testing
