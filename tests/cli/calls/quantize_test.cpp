// What a person calls, on models that Transformers wrote; the numbers are tested in
// tests/quantisation.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "calls/evaluation_text.h"
#include "cli/changed_model.h"
#include "cli/run_program.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kOfTransformers = AZIMUTH_TEST_DATA "/architectures/";
const std::string kAdvised = kOfTransformers + "llama";

TEST(Quantize, SaysWhichMatricesToKeepAndWhy) {
  const Ended ended = run_program({"quantize", kAdvised});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.err, "") << "no bar in a pipe";
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("\n   1*     4  W_D"), HasSubstr("decay block\n"),
                    HasSubstr("\n   2      2  W_D"), HasSubstr("explosion block\n"),
                    HasSubstr("First tokens: 1\n"),
                    HasSubstr("Keep 1 of 4 (*), weight and input: 0.00096 million parameters, ")));
  EXPECT_THAT(ended.out, HasSubstr("0.00288 MB more than int8 takes (as f32).\n"));
}

TEST(Quantize, PrintsOneQuantisationAsJson) {
  const Ended ended = run_program({"quantize", kAdvised, "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json q = json::parse(ended.out);
  EXPECT_EQ(q.at("model").at("architecture"), "llama");
  const json& advice = q.at("advice");
  EXPECT_EQ(advice.at("nothing_to_keep"), "");
  EXPECT_EQ(advice.at("first_token_ids"), json({"1"}));
  const json& best = advice.at("projections").at(0);
  EXPECT_EQ(best.at("block"), 4);
  EXPECT_EQ(best.at("kept"), true);
  EXPECT_EQ(best.at("decay_block"), true);
  EXPECT_EQ(best.at("role"), "down_weight");
  EXPECT_EQ(best.at("kept_as"), "f32");
}

TEST(Quantize, SaysThatThereIsNothingToKeep) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "advice";
  const Ended ended = run_program({"quantize", kOfTransformers + "opt", "--export", out});
  EXPECT_THAT(ended.out,
              HasSubstr("Keep none: int8 costs next to nothing in any down projection.\n"));
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.err, "azimuth: " + out + ": export: there is nothing to keep\n");
  EXPECT_EQ(run_program({"quantize", kOfTransformers + "opt"}).code, 0);
}

TEST(Quantize, MixturesCountTheirExpertsTogether) {
  const Ended ended = run_program({"quantize", kOfTransformers + "qwen2_moe"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr(" experts "), HasSubstr("shared expert"),
                               ::testing::ContainsRegex("  expert [0-9]")));
}

TEST(Quantize, ExportsForEachTool) {
  const TemporaryFolder folder;
  const std::filesystem::path out = folder.path() / "new" / "advice";
  const Ended ended = run_program({"quantize", kAdvised, "--export", out});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(contents_of(out / "ignore.yaml"),
              AllOf(HasSubstr("# Layers count from 0 here; Azimuth counts blocks from 1.\n"),
                    HasSubstr("\nignore:\n  - 'lm_head'\n"
                              "  - 'model.layers.3.mlp.down_proj'\n")));
  EXPECT_THAT(contents_of(out / "torchao_filter.py"),
              AllOf(HasSubstr("Layers count from 0 here"),
                    HasSubstr("    r\"model\\.layers\\.3\\.mlp\\.down_proj\"\n)\n"),
                    HasSubstr("BLOCKS = re.compile(r\"model\\.layers\\.\\d+\\.\")\n")));
  EXPECT_THAT(contents_of(out / "llama_quantize.txt"),
              AllOf(HasSubstr("Layers count from 0 here"),
                    HasSubstr("\n--tensor-type \"blk\\.(3)\\.ffn_down\\.=f32\"\n")));
}

TEST(Quantize, SaysWhereItCannotExport) {
  const TemporaryFolder folder;
  const std::string file = folder.write("file", "");
  const Ended ended = run_program({"quantize", kAdvised, "--export", file});
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err, "azimuth: " + file + ": export: cannot be made a folder\n");
}

TEST(Quantize, RefusesWhatHasNoFiniteStates) {
  const TemporaryFolder folder;
  ChangedModel model(kAdvised, folder.path() / "model");
  model.change("model.layers.1.mlp.up_proj.weight",
               [](std::size_t, float) { return std::numeric_limits<float>::quiet_NaN(); });
  const Ended ended = run_program({"quantize", model.write()});
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, HasSubstr("tensor model.layers.1.mlp.up_proj.weight: holds a value that "
                                   "is not finite; neither are the hidden states from block 2"));
}

// A token that the probe does not have.
TEST(Quantize, RefusesWhatHasNoScore) {
  const TemporaryFolder folder;
  ChangedModel model(kAdvised, folder.path() / "model");
  model.change("model.embed_tokens.weight", [](std::size_t i, float value) {
    return i / 24 == 6 ? std::numeric_limits<float>::quiet_NaN() : value;
  });
  const std::string path = model.write();
  const Ended ended = run_program({"quantize", path});
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err,
            "azimuth: " + path + ": quantize: hidden states are not finite from block 1 on\n");
}

TEST(EvaluationText, SaysHowManyTheSearchTakesAndHowManyTheAdvice) {
  using enum MeasuredSet::Kind;
  QuantisationEvaluation e;
  e.sets = {{all_float, {}, 10, 1, 0, 0},
            {round_to_nearest, {}, 30, 0, 0, 0},
            {greedy, {}, 11, 0.95, 0, 0}};
  e.goal = 0.9;
  e.measured = 7;
  e.greedy = {14, 11};
  e.order = {20, 14, 11.5, 12.25};
  EXPECT_THAT(cli::evaluation_text(e),
              HasSubstr("\nBest found: to recover 90.0%, one after the other, by measuring 7 sets; "
                        "perplexity 14 11.\nIn the order of the advice that takes 3; perplexity "
                        "20 14 11.5 12.25.\n"))
      << "12 is what it is to reach";
  e.no_greedy = "why";
  EXPECT_THAT(cli::evaluation_text(e), ::testing::EndsWith("\nNo search for the best set: why.\n"));
}

TEST(Quantize, NeedsWeights) {
  const TemporaryFolder folder;
  const std::string signature = folder.path() / "model.azsig";
  ASSERT_EQ(run_program({"signature", kAdvised, "-o", signature}).code, 0);
  const Ended ended = run_program({"quantize", signature});
  EXPECT_EQ(ended.code, 3);
  EXPECT_THAT(ended.err, StartsWith("azimuth: " + signature + ": quantize: needs weights"));
}

}  // namespace
}  // namespace azimuth::testing
