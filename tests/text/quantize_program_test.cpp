// `azimuth quantize --text` as a person calls it, on models that Transformers wrote; the numbers
// are tested beside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/run_program.h"
#include "support/temporary_folder.h"
#include "text/ids_file.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kLlama = AZIMUTH_TEST_DATA "/architectures/llama";  // the advice is block 4
const std::vector<std::string> kShort = {"--length", "16", "--sequences", "2"};

/// Ids of some sequences of 16 tokens.
class QuantizeOnText : public ::testing::Test {
 protected:
  QuantizeOnText()
      : text_(ids("text.ids", 3, 0, 6)),
        behind_(ids("behind.ids", 3, 2, 6)),
        other_(ids("other.ids", 11, 0, 4)) {
    setenv("OMP_NUM_THREADS", "1", 1);  // of tiny products threads only wait for each other
  }

  std::string ids(const std::string& name, std::int64_t step, std::int64_t first,
                  std::int64_t end) const {
    std::vector<std::int64_t> all;
    for (std::int64_t i = 16 * first; i < 16 * end; ++i) all.push_back(i * i * step % 37);
    return write_ids(folder_.path() / name, all, 37);
  }

  Ended quantize(std::vector<std::string> more, const std::string& model = kLlama) const {
    std::vector<std::string> words = {"quantize", model, "--text", text_};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words);
  }

  TemporaryFolder folder_;
  std::string text_, behind_, other_;
};

TEST_F(QuantizeOnText, PrintsATableBehindTheAdvice) {
  const Ended ended = quantize(kShort);
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.err, "") << "no bar in a pipe";
  EXPECT_THAT(ended.out, AllOf(HasSubstr("Keep 1 of 4 (*)"),
                               HasSubstr("\nOn text, 2 sequences of 16 tokens, W8A8, a scale a "
                                         "weight; SmoothQuant calibrated on 4 sequences behind "
                                         "those\n"),
                               HasSubstr("\nfloat  "), HasSubstr("\nround-to-nearest  "),
                               HasSubstr("\nadvised kept  "), HasSubstr("\nSmoothQuant  "),
                               HasSubstr("\nSmoothQuant, advised kept  ")));
  EXPECT_THAT(ended.out, AllOf(HasSubstr("\nexplosion and decay blocks kept  "),
                               HasSubstr("\nas many others kept  "),
                               HasSubstr("\nall down projections kept  "), HasSubstr("  2 4\n"),
                               HasSubstr("     1   0.00096 M 0.00288 MB  4\n"),
                               HasSubstr("     4   0.00384 M  0.0115 MB  all\n")));
}

TEST_F(QuantizeOnText, PrintsJsonAndDrawsIt) {
  const std::string picture = folder_.path() / "sets.svg";
  const Ended ended = quantize({"--length", "16", "--calibrate", other_, "--bits", "4",
                                "--per-channel", "--plot", picture, "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json q = json::parse(ended.out);
  EXPECT_EQ(q.at("advice").at("projections").size(), 4u);
  const json& e = q.at("evaluation");
  EXPECT_EQ(e.at("weight_bits"), 4);
  EXPECT_EQ(e.at("per_channel"), true);
  EXPECT_EQ(e.at("sequences"), "6") << "all there are";
  EXPECT_EQ(e.at("calibration_sequences"), "4");
  EXPECT_EQ(e.at("ids_digest"), run({"sha256sum", text_}).out.substr(0, 64));
  EXPECT_EQ(e.at("calibration_digest"), run({"sha256sum", other_}).out.substr(0, 64));
  const json& advised = e.at("sets").at(2);
  EXPECT_EQ(advised.at("kind"), "advised");
  EXPECT_EQ(advised.at("kept"), json::parse(R"([{"block": 4, "role": "down_weight"}])"));
  EXPECT_EQ(advised.at("bytes"), "3360") << "float32 and not four bits";
  const json inspected = json::parse(run_program({"inspect", kLlama, "--text", text_, "--length",
                                                  "16", "--no-spectral", "--format", "json"})
                                         .out);
  EXPECT_NEAR(e.at("sets").at(0).at("perplexity").get<double>() /
                  inspected.at("text").at("perplexity").get<double>(),
              1, 1e-6);
  EXPECT_THAT(contents_of(picture), AllOf(HasSubstr("<svg"), HasSubstr(">advised kept<")));
}

// OpenMP says as it is loaded how long its threads count before they sleep.
TEST_F(QuantizeOnText, ThreadsThatWaitTakeNoTime) {
  setenv("OMP_DISPLAY_ENV", "verbose", 1);
  EXPECT_THAT(quantize({"--sequences", "100"}).err, HasSubstr("GOMP_SPINCOUNT = '0'"));
  setenv("OMP_WAIT_POLICY", "active", 1);
  EXPECT_THAT(quantize({"--sequences", "100"}).err, HasSubstr("GOMP_SPINCOUNT = '30000000000'"))
      << "as the caller wants it";
  unsetenv("OMP_WAIT_POLICY");
  unsetenv("OMP_DISPLAY_ENV");
}

// The perplexities of sequences that are measured do not depend on where SmoothQuant is calibrated.
TEST_F(QuantizeOnText, CalibratesBehindTheTextWithoutAnother) {
  const auto sets_of = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--format", "json"});
    const Ended ended = quantize(more);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return json::parse(ended.out).at("evaluation");
  };
  const json behind = sets_of({"--length", "16"}),
             other = sets_of({"--length", "16", "--sequences", "2", "--calibrate", other_});
  EXPECT_EQ(behind.at("sequences"), "2") << "four of six are left for SmoothQuant";
  EXPECT_EQ(behind.at("calibration_digest"), behind.at("ids_digest"));
  for (std::size_t i = 0; i < behind.at("sets").size(); ++i) {
    const json &a = behind.at("sets").at(i), &b = other.at("sets").at(i);
    const bool smooth = a.at("kind").get<std::string>().starts_with("smooth");
    EXPECT_EQ(a.at("perplexity") == b.at("perplexity"), !smooth) << a.at("kind");
  }
  EXPECT_EQ(sets_of({"--length", "16", "--sequences", "2", "--calibrate", behind_}).at("sets"),
            behind.at("sets"));
}

TEST_F(QuantizeOnText, IsRefusedInALine) {
  const auto expect_error = [&](int code, const std::string& message, const Ended& ended) {
    EXPECT_EQ(ended.code, code);
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
    EXPECT_THAT(ended.err, AllOf(::testing::StartsWith("azimuth: "), HasSubstr(message)));
  };
  expect_error(3, "text.ids: token ids: has 96 tokens, where 12 sequences of 16 take 192",
               quantize({"--length", "16", "--sequences", "8"}));
  expect_error(3, "text.ids: token ids: has 96 tokens, where 5 sequences of 512 take 2560",
               quantize({}));
  expect_error(3, "other.ids: token ids: has 64 tokens, where 4 sequences of 17 take 68",
               quantize({"--length", "17", "--sequences", "1", "--calibrate", other_}));
  expect_error(3, "is the text that is measured",
               quantize({"--length", "16", "--sequences", "2", "--calibrate", text_}));
  expect_error(
      3, "has the id 50000, beyond the model's vocabulary of ",
      quantize({"--length", "2", "--calibrate",
                write_ids(folder_.path() / "far.ids", std::vector<std::int64_t>{50'000}, 60'000)}));
  expect_error(3, "families that can be run from Hugging Face files: apertus, arcee, bamba",
               quantize(kShort, AZIMUTH_TEST_DATA "/architectures/falcon_h1"));
  expect_error(
      3, "where the model has 16 positions",
      quantize({"--length", "17", "--sequences", "1"}, AZIMUTH_TEST_DATA "/architectures/gpt2"));
  expect_error(2, "--bits", quantize({"--bits", "3"}));
  expect_error(2, "--bits requires --text", run_program({"quantize", kLlama, "--bits", "4"}));
  expect_error(3, "text.ids: open: is read by this call", quantize({"--plot", text_}));
}

}  // namespace
}  // namespace azimuth::testing
