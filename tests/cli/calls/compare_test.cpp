// `azimuth signature` and `azimuth compare` as a person calls them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "azimuth/history_store.h"
#include "azimuth/signature_file.h"
#include "cli/changed_model.h"
#include "cli/run_program.h"
#include "proto/sample_signature.h"
#include "support/sample_observation.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string model(const std::string& name) { return AZIMUTH_TEST_DATA "/architectures/" + name; }

class Compare : public ::testing::Test {
 protected:
  std::string file(const std::string& name) const { return folder_.path() / name; }

  Ended write_signature_of(const std::string& checkpoint, const std::string& name,
                           std::vector<std::string> further = {}) const {
    std::vector<std::string> arguments = {"signature", checkpoint, "-o", file(name)};
    arguments.insert(arguments.end(), further.begin(), further.end());
    return run_program(arguments);
  }

  void store_runs(const std::vector<std::string>& runs) const {
    HistoryStore store(file("run.azimuth"));
    for (const std::string& run : runs) {
      Record record{sample_observation(1), {}, nullptr};
      record.observation.run = run;
      record.observation.step = 40;
      record.tracker.noise_floor_degrees = 0.25;
      store.write(record);
    }
  }

  TemporaryFolder folder_;
};

TEST_F(Compare, ASignatureComparesLikeTheModelItIsOf) {
  const Ended signed_model = write_signature_of(model("llama"), "llama.azsig");
  ASSERT_EQ(signed_model.code, 0) << signed_model.err;
  const Signature written = read_signature(file("llama.azsig"));
  EXPECT_THAT(signed_model.out, AllOf(HasSubstr(written.digest), HasSubstr("noise floor")));

  const Ended ended = run_program(
      {"compare", model("llama"), model("gpt2"), file("llama.azsig"), "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json c = json::parse(ended.out);
  EXPECT_EQ(c.at("names"), json({model("llama"), model("gpt2"), file("llama.azsig")}));
  for (const char* matrix : {"degrees", "noise_floor_degrees", "p_values"}) {
    EXPECT_EQ(c.at(matrix).size(), 9u) << matrix;
  }
  EXPECT_LT(c.at("degrees").at(2).get<double>(), 1e-4);
  EXPECT_GT(c.at("degrees").at(1).get<double>(), 20);
  EXPECT_LE(c.at("p_values").at(2).get<double>(), 0.0002);
  EXPECT_GT(c.at("p_values").at(1).get<double>(), 0.05);
}

TEST_F(Compare, TheSignatureIsTheWholeObservation) {
  const Ended ended = write_signature_of(model("llama"), "llama.azsig", {"--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json observation =
      json::parse(run_program({"inspect", model("llama"), "--format", "json"}).out);
  const json signature = json::parse(ended.out);
  for (const char* field : {"model", "probe", "blocks", "stages", "primary_stage", "direction"}) {
    EXPECT_EQ(signature.at(field), observation.at(field)) << field;
  }
  const json shown =
      json::parse(run_program({"inspect", file("llama.azsig"), "--format", "json"}).out);
  EXPECT_EQ(shown.at("blocks"), observation.at("blocks"));
}

TEST_F(Compare, LeavesOutSpectralFiguresWhenAsked) {
  const Ended ended =
      write_signature_of(model("llama"), "llama.azsig", {"--no-spectral", "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(json::parse(ended.out).at("blocks").at(2).at("singular").at("sigma").at(0), "NaN");
}

TEST_F(Compare, ReadsAStepOfAHistory) {
  store_runs({"run-a"});
  const Ended ended = run_program({"compare", file("run.azimuth") + "@40",
                                   file("run.azimuth") + "@run-a@40", "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json c = json::parse(ended.out);
  EXPECT_EQ(c.at("degrees").at(1), 0);
  EXPECT_EQ(c.at("noise_floor_degrees").at(1), 0.25);
}

TEST_F(Compare, SaysWhichRunsAHistoryHolds) {
  store_runs({"run-a", "run-b"});
  const Ended ended = run_program({"inspect", file("run.azimuth") + "@40"});
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.err, "azimuth: " + file("run.azimuth") +
                           ": runs: there are several, name one as STORE@RUN@STEP: run-a, run-b\n");
  EXPECT_EQ(run_program({"inspect", file("run.azimuth") + "@run-b@40"}).code, 0);
  const Ended none = run_program({"inspect", file("run.azimuth") + "@run-b@41"});
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err,
              HasSubstr("run run-b: there is no snapshot of step 41; the nearest is of step 40\n"));
}

TEST_F(Compare, SaysWhichModelsAreIdentical) {
  ASSERT_EQ(write_signature_of(model("llama"), "llama.azsig").code, 0);
  const std::vector<std::string> call = {"compare", model("llama"), file("llama.azsig"),
                                         model("gpt2")};
  const Ended ended = run_program(call);
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("\n1–2: identical weights, of one digest\n"),
                               Not(HasSubstr("–3: identical"))));
  std::vector<std::string> in_json = call;
  in_json.insert(in_json.end(), {"--format", "json"});
  const json digests = json::parse(run_program(in_json).out).at("weights_digests");
  EXPECT_EQ(digests.at(0), digests.at(1));
  EXPECT_NE(digests.at(0), digests.at(2));
}

TEST_F(Compare, SaysThatIdenticalWeightsHaveOtherHighNormTokens) {
  Signature a = sample_signature();
  Signature b = a;
  b.probe.high_norm_token_ids.pop_back();
  write_signature(file("a.azsig"), a);
  write_signature(file("b.azsig"), b);
  const Ended ended = run_program({"compare", file("a.azsig"), file("b.azsig")});
  EXPECT_THAT(ended.out, HasSubstr("1–2: identical weights, of one digest; but other tokens count "
                                   "as high-norm, 2 and 1 of them"));
}

TEST_F(Compare, SaysWhichStagesItCompared) {
  Signature a = sample_signature();
  a.stages.insert(a.stages.begin(), a.stages[0]);
  a.stages[0].first_block = a.stages[0].last_block = 1;
  a.stages[0].direction = {0, 1, 0, 0};
  a.stages[0].explosion_blocks = a.stages[0].decay_blocks = {};
  a.primary_stage = 1;
  Signature b = a;
  b.primary_stage = 0;
  b.direction = b.stages[0].direction;
  write_signature(file("a.azsig"), a);
  write_signature(file("b.azsig"), b);
  const Ended ended = run_program({"compare", file("a.azsig"), file("b.azsig")});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("stages"), HasSubstr(" 0.000 "),
                               HasSubstr(" is the one that both have"),
                               HasSubstr("1: stages 2 and 1 are nearly tied")));
  const json c = json::parse(
      run_program({"compare", file("a.azsig"), file("b.azsig"), "--format", "json"}).out);
  EXPECT_EQ(c.at("degrees").at(1), 0);
  EXPECT_EQ(c.at("stages").at(1), c.at("stages").at(2));
  EXPECT_EQ(c.at("primary_stages"), json({1, 0}));
  EXPECT_EQ(c.at("rival_stages"), json({0, 1}));
}

TEST_F(Compare, PrintsATableAndDrawsAHeatMap) {
  const Ended ended =
      run_program({"compare", model("llama"), model("gpt2"), "--plot", file("angles.svg")});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("noise floor°"), HasSubstr("p-value"), HasSubstr("1–2")));
  EXPECT_THAT(contents_of(file("angles.svg")), AllOf(HasSubstr("<svg"), HasSubstr("gpt2  2")));
}

TEST_F(Compare, GivesTheReasonOfADash) {
  const Signature sample = sample_signature();
  Signature none = sample;
  none.stages.clear();
  none.direction.clear();
  none.primary_stage = -1;
  for (BlockObservation& block : none.blocks) block.stage = -1;
  Signature wider = sample;
  wider.model.hidden_size = 5;
  wider.direction.push_back(0);
  wider.stages[0].direction.push_back(0);
  write_signature(file("sample.azsig"), sample);
  write_signature(file("none.azsig"), none);
  write_signature(file("wider.azsig"), wider);
  const Ended ended =
      run_program({"compare", file("sample.azsig"), file("none.azsig"), file("wider.azsig")});
  EXPECT_EQ(ended.code, 4) << ended.err;
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(
      ended.out,
      AllOf(HasSubstr("\n2: ABSENT: no token is high-norm; the largest norm ratio is 102"),
            HasSubstr("1–2      ABSENT  "), HasSubstr("–: 1–3 have other hidden sizes, 4 and 5\n"),
            Not(HasSubstr("–: 1 has")), Not(HasSubstr("2–3 have"))));
}

TEST_F(Compare, SaysThatModelsHaveNoDirection) {
  const std::string reason =
      "ABSENT: no token is high-norm; the largest norm "
      "ratio is ";
  const Ended one =
      run_program({"compare", model("llama"), model("mixtral"), "--plot", file("angles.svg")});
  EXPECT_EQ(one.code, 4);
  EXPECT_EQ(one.err, "");
  EXPECT_THAT(one.out, AllOf(HasSubstr("\n2: " + reason), Not(HasSubstr("\n1: "))));
  EXPECT_THAT(contents_of(file("angles.svg")), HasSubstr(">ABSENT<"));
  const Ended both = run_program({"compare", model("mixtral"), model("mixtral")});
  EXPECT_EQ(both.code, 4) << "of no direction there is no angle, however alike the models";
  EXPECT_THAT(both.out, AllOf(HasSubstr("\n1: " + reason), HasSubstr("\n2: " + reason)));
  const json c = json::parse(
      run_program({"compare", model("llama"), model("mixtral"), "--format", "json"}).out);
  EXPECT_EQ(c.at("absences").at(0), "");
  EXPECT_THAT(c.at("absences").at(1).get<std::string>(),
              ::testing::StartsWith("ABSENT: no token is high-norm; the largest norm ratio is "));
}

TEST_F(Compare, MeasuresAModelWithTheTokensOfASignature) {
  ASSERT_EQ(write_signature_of(model("llama"), "few.azsig", {"--tokens", "1,2,3"}).code, 0);
  for (const auto& [a, b] : {std::pair(file("few.azsig"), model("llama")),
                             std::pair(model("llama"), file("few.azsig"))}) {
    const Ended ended = run_program({"compare", a, b, "--format", "json"});
    EXPECT_EQ(ended.err, "");
    EXPECT_LT(json::parse(ended.out).at("degrees").at(1).get<double>(), 1e-4);
  }
}

TEST_F(Compare, PutsAnAdapterOnTheCheckpointBeforeIt) {
  const std::string adapter = AZIMUTH_TEST_DATA "/adapters/llama";
  const Ended ended = run_program({"compare", model("llama"), "--adapter", adapter, model("llama"),
                                   model("llama"), "--adapter", adapter, "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json c = json::parse(ended.out);
  const std::string adapted = model("llama") + " + " + adapter;
  EXPECT_EQ(c.at("names"), json({adapted, model("llama"), adapted}));
  EXPECT_GT(c.at("degrees").at(1).get<double>(), 1);
  EXPECT_LT(c.at("degrees").at(2).get<double>(), 1e-4);
}

TEST_F(Compare, RefusesAnAdapterWithoutACheckpointOfItsOwn) {
  const std::string adapter = AZIMUTH_TEST_DATA "/adapters/llama";
  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& why) {
    const Ended ended = run_program(arguments);
    EXPECT_EQ(ended.code, 2);
    EXPECT_THAT(ended.err, HasSubstr("--adapter: " + why));
  };
  refused({"compare", "--adapter", adapter, model("llama"), model("llama")},
          "stands behind its CKPT");
  refused({"compare", model("llama"), "--adapter", adapter, "--adapter", adapter, model("llama")},
          "is there twice for one CKPT");
}

TEST_F(Compare, SaysWhereTheProbesDiffer) {
  ASSERT_EQ(write_signature_of(model("llama"), "few.azsig", {"--tokens", "1,2,3"}).code, 0);
  ASSERT_EQ(write_signature_of(model("llama"), "one.azsig").code, 0);
  ASSERT_EQ(write_signature_of(model("llama"), "two.azsig").code, 0);
  const Ended ended =
      run_program({"compare", file("few.azsig"), file("one.azsig"), file("two.azsig")});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err,
            "azimuth: " + file("few.azsig") + " was probed with other tokens than the others\n");
  EXPECT_THAT(ended.out, AllOf(HasSubstr("\n1–2: probed with different tokens"),
                               Not(HasSubstr("\n2–3: probed with different tokens"))));
  const json c = json::parse(run_program({"compare", file("few.azsig"), file("one.azsig"),
                                          file("two.azsig"), "--format", "json"})
                                 .out);
  EXPECT_EQ(c.at("noise_floor_degrees").at(1), "NaN");
  EXPECT_TRUE(c.at("noise_floor_degrees").at(5).is_number());
  EXPECT_EQ(c.at("same_probe"), json({true, false, false, false, true, true, false, true, true}));
}

TEST_F(Compare, ProbesModelsOfOtherVocabulariesWithTheTokensThatAllHave) {
  ChangedModel cut(model("llama"), file("cut"));
  constexpr std::size_t kVocabulary = 29;
  for (const char* name : {"model.embed_tokens.weight", "lm_head.weight"}) {
    json& entry = cut.header().at(name);
    const std::size_t row = sizeof(float) * entry.at("shape").at(1).get<std::size_t>();
    const std::string rows =
        cut.data().substr(entry.at("data_offsets").at(0).get<std::size_t>(), kVocabulary * row);
    entry.at("shape").at(0) = kVocabulary;
    entry.at("data_offsets") = {cut.data().size(), cut.data().size() + rows.size()};
    cut.data() += rows;
  }
  json config = json::parse(contents_of(cut.folder() / "config.json"));
  config.at("vocab_size") = kVocabulary;
  std::ofstream(cut.folder() / "config.json") << config;
  cut.write_compactly();
  std::vector<json> compared;
  for (const auto& [a, b] :
       {std::pair(model("llama"), file("cut")), std::pair(file("cut"), model("llama"))}) {
    EXPECT_THAT(
        run_program({"compare", a, b}).out,
        HasSubstr("Vocabularies differ: the models were probed with 29 token ids below 29"));
    compared.push_back(json::parse(run_program({"compare", a, b, "--format", "json"}).out));
  }
  EXPECT_EQ(compared[0].at("degrees").at(1), compared[1].at("degrees").at(1));
  EXPECT_EQ(compared[0].at("p_values").at(1), compared[1].at("p_values").at(1));
  EXPECT_LE(compared[0].at("degrees").at(1).get<double>(),
            compared[0].at("noise_floor_degrees").at(1).get<double>());
}

TEST_F(Compare, RefusesMisuseAndBadInput) {
  EXPECT_EQ(run_program({"compare", model("llama")}).code, 2);
  EXPECT_EQ(run_program({"signature", model("llama")}).code, 2);
  ASSERT_EQ(write_signature_of(model("llama"), "llama.azsig").code, 0);
  EXPECT_EQ(run_program({"inspect", file("llama.azsig"), "--tokens", "1"}).code, 2);
  std::filesystem::resize_file(file("llama.azsig"), 400);
  const Ended damaged = run_program({"compare", model("llama"), file("llama.azsig")});
  EXPECT_EQ(damaged.code, 3);
  EXPECT_EQ(damaged.err.rfind("azimuth: " + file("llama.azsig") + ": length: ", 0), 0u)
      << damaged.err;
  EXPECT_EQ(write_signature_of(model("llama"), "none/llama.azsig").code, 3);
}

}  // namespace
}  // namespace azimuth::testing
