// `azimuth audit` as a person calls it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "azimuth/sha256.h"
#include "cli/run_program.h"
#include "integrations/checkpoints/safetensors/safetensors_writer.h"
#include "support/audited_model.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string sha256_of(const std::string& bytes) {
  Sha256 sum;
  sum.add(bytes);
  return sum.hexadecimal();
}

class AuditCall : public ::testing::Test {
 protected:
  /// As a Hugging Face folder.
  std::string written(const AuditedModel& model) {
    const std::filesystem::path folder = folder_.path() / std::to_string(++written_);
    std::filesystem::create_directories(folder);
    SafetensorsWriter file;
    for (const auto& [name, matrix] : model.tensors) {
      file.tensors.push_back({.name = name,
                              .shape = json(AuditedModel::shape(matrix)).dump(),
                              .data = AuditedModel::bytes(matrix)});
    }
    const json config = {{"model_type", "llama"},
                         {"hidden_size", model.tensors.front().second.cols()},
                         {"intermediate_size", AuditedModel::ffn},
                         {"num_hidden_layers", AuditedModel::blocks},
                         {"num_attention_heads", AuditedModel::heads},
                         {"num_key_value_heads", AuditedModel::kv_heads},
                         {"head_dim", AuditedModel::head_size},
                         {"vocab_size", AuditedModel::vocab},
                         {"hidden_act", "silu"},
                         {"rms_norm_eps", 1e-5},
                         {"bos_token_id", 1},
                         {"tie_word_embeddings", true}};
    const std::string name = std::to_string(written_) + "/";
    folder_.write(name + "model.safetensors", file.bytes());
    folder_.write(name + "config.json", config.dump());
    return folder;
  }

  Ended audit(const std::string& base, const std::string& release,
              std::vector<std::string> further = {}) {
    std::vector<std::string> call = {"audit", "--base", base, "--release", release};
    call.insert(call.end(), further.begin(), further.end());
    return run_program(call);
  }

  void expect_refused(const std::string& release, const std::string& why) {
    const Ended ended = audit(written(AuditedModel(1)), release);
    EXPECT_EQ(ended.code, 3);
    EXPECT_THAT(ended.err, AllOf(StartsWith("azimuth: "), HasSubstr(why)));
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
    EXPECT_EQ(ended.out, "");
  }

  const TemporaryFolder folder_;

 private:
  int written_ = 0;
};

TEST_F(AuditCall, GivesTheVerdictAndWhatItSupposes) {
  const std::string base = written(AuditedModel(1));
  const Ended ended = audit(base, written(AuditedModel(1).add_noise(0.1f)));
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(ended.out,
              AllOf(StartsWith("MATCH: the release is not independent of the base's "
                               "initialisation.\n"),
                    HasSubstr("published before the release"), HasSubstr("public random seed"),
                    HasSubstr("siblings"), HasSubstr(AuditedModel(1).weights().digest()),
                    HasSubstr("128 of 128")));
}

TEST_F(AuditCall, ExitsByTheVerdict) {
  const std::string base = written(AuditedModel(1));
  const Ended none = audit(base, written(AuditedModel(2)));
  EXPECT_EQ(none.code, 1);
  EXPECT_EQ(none.err, "");
  EXPECT_THAT(none.out, AllOf(StartsWith("NO_MATCH"), HasSubstr("not a proof of independence")));

  const Ended undecided = audit(base, written(AuditedModel(2).replace_embeddings()));
  EXPECT_EQ(undecided.code, 4);
  EXPECT_THAT(undecided.out, AllOf(StartsWith("INCONCLUSIVE"), HasSubstr("embeddings")));

  AuditedModel release(2);
  const Ended framed = audit(written(AuditedModel(1).frame(release)), written(release));
  EXPECT_EQ(framed.code, 4);
  EXPECT_THAT(framed.out, HasSubstr("rearranged after the release"));

  const std::string disguised =
      written(AuditedModel(1).rotate().permute_neurons().permute_values());
  const Ended empirical = audit(base, disguised);
  EXPECT_EQ(empirical.code, 0);
  EXPECT_THAT(empirical.out,
              AllOf(StartsWith("MATCH_EMPIRICAL"), HasSubstr("no probability for this")));
  EXPECT_EQ(audit(base, disguised, {"--exact"}).code, 4);
}

TEST_F(AuditCall, PromisesTheRateThatIsAskedFor) {
  const std::string base = written(AuditedModel(1));
  const std::string release = written(AuditedModel(1));
  const Ended ended = audit(base, release, {"--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json value = json::parse(ended.out);
  EXPECT_EQ(value.at("verdict"), "VERDICT_MATCH");
  EXPECT_EQ(value.at("tests"), "50");
  EXPECT_EQ(value.at("rate"), 1e-6);
  EXPECT_LT(value.at("log10_corrected_p"), -200);
  const json strict =
      json::parse(audit(base, release, {"--rate", "1e-280", "--format", "json"}).out);
  EXPECT_EQ(strict.at("verdict"), "VERDICT_MATCH_EMPIRICAL");
  EXPECT_EQ(audit(base, release, {"--rate", "0"}).code, 2);
  EXPECT_EQ(run_program({"audit", "--base", base}).code, 2);
}

TEST_F(AuditCall, ReadsAnAdapterOnTheRelease) {
  const std::string base = AZIMUTH_TEST_DATA "/architectures/llama";
  const std::vector<std::string> json_wanted = {"--format", "json"};
  const json plain = json::parse(audit(base, base, json_wanted).out);
  const json adapted = json::parse(
      audit(base, base, {"--adapter", AZIMUTH_TEST_DATA "/adapters/llama", "--format", "json"})
          .out);
  EXPECT_EQ(adapted.at("base"), plain.at("base"));
  EXPECT_NE(adapted.at("release"), plain.at("release"));
}

TEST_F(AuditCall, ReadsTheStringsOfTokensBesideEachModel) {
  const auto with_tokens = [&](const AuditedModel& model, const std::vector<int>& words) {
    const std::string folder = written(model);
    json vocabulary;
    for (std::size_t id = 0; id < words.size(); ++id) {
      vocabulary["word " + std::to_string(words[id])] = id;
    }
    const json tokenizer = {{"model", {{"type", "BPE"}, {"vocab", vocabulary}}}};
    folder_.write(std::filesystem::path(folder).filename().string() + "/tokenizer.json",
                  tokenizer.dump());
    return folder;
  };
  std::vector<int> order(AuditedModel::vocab);
  std::iota(order.begin(), order.end(), 0);
  const std::string base = with_tokens(AuditedModel(1), order);
  std::ranges::reverse(order);
  AuditedModel model(1);
  model.rotate().permute_neurons();  // else Gram matrices would do without the tokens
  Eigen::MatrixXf& embedding = model.tensor("model.embed_tokens.weight");
  embedding = embedding.colwise().reverse().eval();
  const Ended known = audit(base, with_tokens(model, order));
  EXPECT_EQ(known.code, 0) << known.err;
  EXPECT_THAT(known.out, AllOf(StartsWith("MATCH:"),
                               HasSubstr("Embeddings of the 768 tokens whose strings both have")));
  const std::string without = written(model);
  const Ended unknown = audit(base, without);
  EXPECT_EQ(unknown.code, 4) << unknown.err;
  EXPECT_THAT(unknown.out, HasSubstr("Embeddings of the 768 token ids that both have"));
  folder_.write(std::filesystem::path(without).filename().string() + "/tokenizer.json", "{");
  expect_refused(without, "tokenizer.json: JSON: ");
}

TEST_F(AuditCall, TriesSeveralBasesAndCorrectsForThem) {
  const std::string release = written(AuditedModel(1).add_noise(0.1f));
  const std::vector<std::string> call = {
      "audit",     "--base", written(AuditedModel(2)), "--base", written(AuditedModel(1)),
      "--release", release};
  const Ended ended = run_program(call);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(StartsWith("Of 2 bases "), HasSubstr("/3 says most:\n\nMATCH: "),
                               HasSubstr("after correction for 100 tests"),
                               HasSubstr("\nNO_MATCH        "), HasSubstr("/2: corrected p")));
  std::vector<std::string> for_programs = call;
  for_programs.insert(for_programs.end(), {"--format", "json"});
  const json audits = json::parse(run_program(for_programs).out).at("audits");
  ASSERT_EQ(audits.size(), 2u);
  EXPECT_EQ(audits.at(0).at("verdict"), "VERDICT_MATCH");
  EXPECT_EQ(audits.at(1).at("verdict"), "VERDICT_NO_MATCH");
  EXPECT_EQ(audits.at(1).at("tests"), "100");
}

TEST_F(AuditCall, ThoroughShowsGramMatricesAndDirections) {
  const std::string model = AZIMUTH_TEST_DATA "/architectures/llama";
  const Ended quick = audit(model, model);
  const Ended thorough = audit(model, model, {"--thorough"});
  EXPECT_THAT(thorough.out, AllOf(HasSubstr("Gram matrices of neurons, 4 pairs of FFNs"),
                                  HasSubstr("decides nothing: 0.00° apart, p "),
                                  HasSubstr("explosion 2, decay 4")));
  EXPECT_EQ(thorough.out.substr(0, 40), quick.out.substr(0, 40));
  const json value = json::parse(audit(model, model, {"--thorough", "--format", "json"}).out);
  EXPECT_EQ(value.at("direction").at("status"), "DIRECTION_STATUS_COMPARED");
  EXPECT_EQ(value.at("direction").at("vocabulary_base").size(), 37u);
  EXPECT_NEAR(value.at("direction").at("vocabulary_correlation"), 1, 1e-9);
  EXPECT_EQ(value.at("grams").at("made"), true);
}

TEST_F(AuditCall, OfASignatureThereIsTheDirectionAlone) {
  const std::string model = AZIMUTH_TEST_DATA "/architectures/llama";
  const std::string signature = folder_ / "base.azsig";
  ASSERT_EQ(run_program({"signature", model, "-o", signature}).code, 0);
  const Ended ended = audit(signature, model);
  EXPECT_EQ(ended.code, 4) << ended.err;
  EXPECT_THAT(ended.out, AllOf(StartsWith("INCONCLUSIVE: of a signature"),
                               HasSubstr("decides nothing: 0.00° apart")));
  const Ended absent = audit(signature, written(AuditedModel(1)));
  EXPECT_EQ(absent.code, 4);
  EXPECT_THAT(absent.out, HasSubstr("SIGNATURE_ABSENT"));
  EXPECT_THAT(absent.out, HasSubstr("  release  ABSENT: no token is high-norm; the largest norm "));
}

TEST_F(AuditCall, WritesAPageThatNeedsNothingElse) {
  const std::string base = written(AuditedModel(1));
  const std::string page = folder_ / "audit.html";
  const Ended ended =
      run_program({"audit", "--base", written(AuditedModel(2)), "--base", base, "--release",
                   written(AuditedModel(1).rotate()), "--report", page});
  EXPECT_EQ(ended.code, 0) << ended.err;
  const std::string html = contents_of(page);
  EXPECT_THAT(
      html,
      AllOf(HasSubstr("<h1>MATCH</h1>"), HasSubstr("default-src 'none'"),
            HasSubstr("Of 128 neurons that are each other's nearest, 128 stand in the "
                      "base's order"),
            HasSubstr("Order of the neurons"), HasSubstr("Other bases"), HasSubstr("NO_MATCH"),
            HasSubstr("SIGNATURE_ABSENT. The base is ABSENT: no token is high-norm; ")));
  EXPECT_THAT(html, ::testing::ContainsRegex(
                        "Made on 20[0-9]+-[0-9]+-[0-9]+ [0-9]+:[0-9]+:[0-9]+ UTC by azimuth"));
  EXPECT_THAT(html, HasSubstr("model.safetensors <code>" +
                              sha256_of(contents_of(base + "/model.safetensors")) + "</code>"));
  // A list of the terminal stays one, and its lines flow.
  EXPECT_THAT(html, AllOf(HasSubstr("A release that is would show as much"),
                          HasSubstr("siblings match each other.\nIt does not tell which")));
  EXPECT_THAT(html, ::testing::Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("<svg"));
  EXPECT_EQ(audit(base, base, {"--report", folder_ / "missing/audit.html"}).code, 3);
}

TEST_F(AuditCall, LineageDrawsFamilies) {
  const std::string base = written(AuditedModel(1));
  const std::string tuned = written(AuditedModel(1).add_noise(0.1f));
  const std::string other = written(AuditedModel(2));
  const Ended ended = run_program({"lineage", base, tuned, other});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out,
              AllOf(StartsWith("Family 1, of 2 models"), HasSubstr("\n  " + base + "\n"),
                    HasSubstr("\n  └─ " + tuned), HasSubstr("neighbours in 100%\n"),
                    HasSubstr("Match no other (not a proof of independence)\n  " + other + "\n"),
                    HasSubstr("\n  MATCH            10^-"),
                    HasSubstr("\n  NO_MATCH         1        " + base + "  –  " + other + "\n")));
  const json value =
      json::parse(run_program({"lineage", base, tuned, other, "--format", "json"}).out);
  EXPECT_EQ(value.at("families").size(), 2u);
  EXPECT_EQ(run_program({"lineage", base}).code, 2);
}

TEST_F(AuditCall, RefusesWhatHoldsNoModelInOneLine) {
  expect_refused(AZIMUTH_TEST_DATA "/adapters/llama", "adapter");
  expect_refused(AZIMUTH_TEST_DATA "/architectures/olmo2/model-00001-of-00003.safetensors", "");
  expect_refused(folder_ / "missing", "");
  const std::string folder = written(AuditedModel(2));
  expect_refused(folder + "/model.safetensors",
                 "needs --config, the config.json of its model; one "
                 "lies beside it: give the folder, " +
                     folder + "\n");
}

// Blocks without attention, without an FFN, with FFNs of another width or experts beside one
// another, experts that do not read the residual stream, nested FFNs and keys that are values.
TEST_F(AuditCall, TakesWhatBlocksThereAre) {
  for (const char* name : {"bamba", "falcon_h1", "gemma3n_text", "gemma4_text", "gemma4_text_moe",
                           "lfm2", "nemotron_h", "nemotron_h_latent", "nemotron_h_pattern",
                           "qwen2_moe", "qwen3_5", "qwen3_moe_dense"}) {
    const std::string model = std::string(AZIMUTH_TEST_DATA "/architectures/") + name;
    const Ended same = audit(model, model, {"--thorough"});
    EXPECT_EQ(same.code, 0) << name << ": " << same.out << same.err;
    for (const Ended& other : {audit(model, AZIMUTH_TEST_DATA "/architectures/llama"),
                               audit(AZIMUTH_TEST_DATA "/architectures/llama", model)}) {
      EXPECT_TRUE(other.code == 1 || other.code == 4) << name << ": " << other.out << other.err;
    }
  }
}

TEST_F(AuditCall, SaysThatNumbersAreNotFinite) {
  AuditedModel broken(2);
  broken.tensor(AuditedModel::at(1, "mlp.up_proj"))(5, 3) = std::numeric_limits<float>::infinity();
  const Ended ended = audit(written(AuditedModel(1)), written(broken));
  EXPECT_EQ(ended.code, 4);
  EXPECT_THAT(ended.out, HasSubstr("the release's model.layers.1.mlp.up_proj.weight holds"));
}

TEST_F(AuditCall, AUsageErrorNamesTheHelpOfTheCall) {
  EXPECT_THAT(audit("x", "y", {"--rate", "2"}).err, HasSubstr("(azimuth audit --help)\n"));
  EXPECT_THAT(run_program({"--nothing"}).err, HasSubstr("(azimuth --help)\n"));
}

}  // namespace
}  // namespace azimuth::testing
