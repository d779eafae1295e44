// The program as a person calls it, on models that Transformers wrote.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/run_program.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kModel = AZIMUTH_TEST_DATA "/architectures/llama";

TEST(Inspect, PrintsATableThatMarksExplosionAndDecay) {
  const Ended ended = run_program({"inspect", kModel});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.err, "") << "no bar in a pipe";
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("llama, 4 blocks"), HasSubstr("(primary"), HasSubstr("▲ explosion"),
                    HasSubstr("▼ decay"), HasSubstr("σ1"), Not(HasSubstr("\x1b"))));
}

TEST(Inspect, PrintsOneObservationAsJsonAndNothingElse) {
  const Ended ended = run_program({"inspect", kModel, "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json o = json::parse(ended.out);
  EXPECT_EQ(o.at("model").at("architecture"), "llama");
  EXPECT_EQ(o.at("model").at("weights_digest").get<std::string>().size(), 64u);
  EXPECT_EQ(o.at("blocks").size(), 5u);
  EXPECT_EQ(o.at("primary_stage"), 0);
  EXPECT_EQ(o.at("state"), "STATE_UNSPECIFIED");
  EXPECT_TRUE(o.at("blocks").at(2).at("singular").at("sigma").at(0).is_number());
  EXPECT_TRUE(o.at("blocks").at(2).at("singular").at("converged").get<bool>());
}

TEST(Inspect, LeavesOutSpectralFiguresWhenAsked) {
  const Ended ended = run_program({"inspect", kModel, "--no-spectral", "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json block = json::parse(ended.out).at("blocks").at(2);
  EXPECT_EQ(block.at("singular").at("sigma").at(0), "NaN");
  EXPECT_TRUE(block.at("growth").is_number());
}

TEST(Inspect, TakesTheIdsOfTheProbeInTheirOrder) {
  const Ended ended = run_program({"inspect", kModel, "--tokens", "9,2,5", "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(json::parse(ended.out).at("probe").at("token_ids"), json({"9", "2", "5"}));
}

TEST(Inspect, LooksThroughTheWholeVocabulary) {
  const Ended ended = run_program({"inspect", kModel, "--vocabulary", "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json pass = json::parse(ended.out).at("probe").at("vocabulary");
  EXPECT_EQ(pass.at("exploding_token_ids").size(), pass.at("ratio").size());
}

TEST(Inspect, DrawsAPicture) {
  const TemporaryFolder folder;
  const Ended ended = run_program({"inspect", kModel, "--plot", folder.path() / "norms.svg"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(contents_of(folder.path() / "norms.svg"),
              AllOf(HasSubstr("<svg"), HasSubstr("Norms by block"),
                    HasSubstr("Singular directions of the blocks")));
}

TEST(Inspect, AppliesAnAdapterOnTop) {
  const std::string adapter = AZIMUTH_TEST_DATA "/adapters/llama";
  const json expected = json::parse(contents_of(adapter + "/hidden_states.json"));
  std::string tokens;
  for (const int id : expected.at("token_ids")) {
    tokens += (tokens.empty() ? "" : ",") + std::to_string(id);
  }
  const Ended ended = run_program(
      {"inspect", kModel, "--adapter", adapter, "--tokens", tokens, "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json norms = json::parse(ended.out).at("blocks").at(4).at("norms");
  const double last = expected.at("norms").at(4).at(0);
  EXPECT_NEAR(norms.at(0).get<double>() / last, 1, 1e-4);
}

struct Bad {
  std::string name;
  std::vector<std::string> arguments;
  int code;
  std::string message;
};

class InspectBad : public ::testing::TestWithParam<Bad> {};

TEST_P(InspectBad, IsOneLineAndAnExitCode) {
  const Ended ended = run_program(GetParam().arguments);
  EXPECT_EQ(ended.code, GetParam().code);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, HasSubstr(GetParam().message));
  if (GetParam().code == 3) {
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
    EXPECT_THAT(ended.err, ::testing::StartsWith("azimuth: "));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Calls, InspectBad,
    ::testing::Values(
        Bad{"MissingFile", {"inspect", "/nowhere/model.gguf"}, 3, "/nowhere/model.gguf: "},
        Bad{"NoAdapter",
            {"inspect", kModel, "--adapter", AZIMUTH_TEST_DATA},
            3,
            "adapter_config.json"},
        Bad{"NoConfig",
            {"inspect", AZIMUTH_TEST_DATA "/architectures/llama/model.safetensors"},
            3,
            "needs --config"},
        Bad{"NoModel", {"inspect", AZIMUTH_TEST_DATA}, 3, "config.json"},
        Bad{"PictureThatCannotBeWritten",
            {"inspect", kModel, "--plot", "/nowhere/norms.svg"},
            3,
            "/nowhere/norms.svg: open: there is no folder /nowhere"},
        Bad{"TokenOutsideTheVocabulary", {"inspect", kModel, "--tokens", "1,4000"}, 2, "4000"},
        Bad{"NoCall", {}, 2, "subcommand"}, Bad{"UnknownCall", {"inspekt"}, 2, "inspekt"},
        Bad{"UnknownFormat", {"inspect", kModel, "--format", "xml"}, 2, "xml"}),
    [](const auto& info) { return info.param.name; });

TEST(Program, HelpShowsAnExample) {
  for (const auto& arguments : {std::vector<std::string>{"--help"}, {"inspect", "--help"}}) {
    const Ended ended = run_program(arguments);
    EXPECT_EQ(ended.code, 0);
    EXPECT_THAT(ended.out, HasSubstr("Example:"));
  }
}

}  // namespace
}  // namespace azimuth::testing
