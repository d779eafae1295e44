// `azimuth audit --attest` and `azimuth verify` as a person calls them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "azimuth/attestation.h"
#include "cli/run_program.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kLlama = AZIMUTH_TEST_DATA "/architectures/llama";

class Verify : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    for (const char* name : {"key", "other"}) {
      const std::string key = path(std::string(name) + ".pem");
      ASSERT_EQ(run({"openssl", "genpkey", "-algorithm", "ed25519", "-out", key}).code, 0);
      ASSERT_EQ(run({"openssl", "pkey", "-in", key, "-pubout", "-out", key + ".pub"}).code, 0);
    }
    make_release("attested");
    const Ended ended = attest("attested", path("audit.json"));
    ASSERT_EQ(ended.code, 0) << ended.err;
    ASSERT_EQ(ended.err, "");
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string path(const std::string& name) { return folder_->path() / name; }

  /// A model of another folder, with what a repository holds.
  static std::string make_release(const std::string& name) {
    const std::filesystem::path release = path(name);
    std::filesystem::copy(kLlama, release, std::filesystem::copy_options::recursive);
    std::filesystem::create_directories(release / ".git");
    std::filesystem::create_directories(release / "code");
    folder_->write(name + "/.git/HEAD", "ref: refs/heads/main\n");
    folder_->write(name + "/.gitattributes", "*.safetensors filter=lfs\n");
    folder_->write(name + "/code/model.py", "");
    return release;
  }

  static Ended attest(const std::string& release, const std::string& out,
                      std::vector<std::string> further = {}) {
    std::vector<std::string> call = {"audit",    "--base", kLlama,  "--release",    path(release),
                                     "--attest", out,      "--key", path("key.pem")};
    call.insert(call.end(), further.begin(), further.end());
    return run_program(call);
  }

  Ended verify(std::vector<std::string> further = {}, const std::string& key = "key.pem.pub",
               const std::string& attestation = "audit.json") {
    std::vector<std::string> call = {"verify", path(attestation), "--key", path(key)};
    call.insert(call.end(), further.begin(), further.end());
    return run_program(call);
  }

  void expect_refused(const Ended& ended, const std::string& why) {
    EXPECT_EQ(ended.code, 3);
    EXPECT_THAT(ended.err, AllOf(StartsWith("azimuth: "), HasSubstr(why)));
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
    EXPECT_EQ(ended.out, "");
  }

  /// What Python prints.
  json other_tools(std::vector<std::string> call) {
    call.insert(call.begin(), {"python3", AZIMUTH_CLI_TESTS "/calls/other_attestations.py"});
    const Ended ended = run(call);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.out.empty() ? json() : json::parse(ended.out);
  }

  static inline TemporaryFolder* folder_ = nullptr;
};

TEST_F(Verify, FindsWhatWasAttestedAsItWas) {
  const Ended alone = verify();
  EXPECT_EQ(alone.code, 0) << alone.err;
  EXPECT_THAT(alone.out, AllOf(StartsWith("Signed by the key "), HasSubstr("verdict   MATCH\n"),
                               ContainsRegex("p         10\\^-[0-9]+ at most, corrected for "
                                             "[0-9]+ tests, of 1 base\n"),
                               HasSubstr("share     100.0% of neurons\n"),
                               HasSubstr("published before the release was seen"),
                               HasSubstr("  config.json\n"),
                               HasSubstr("was not looked at: give it with --release")));
  const Ended with_files = verify({"--release", path("attested")});
  EXPECT_EQ(with_files.code, 0) << with_files.err;
  EXPECT_THAT(with_files.out, AllOf(HasSubstr("attested: all files are those that were attested"),
                                    Not(HasSubstr("made again"))));
  const Ended again = verify({"--release", path("attested"), "--base", kLlama});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, AllOf(HasSubstr("Base " + kLlama + ": all files are those"),
                               HasSubstr("The audit was made again, and comes to the same.")));
}

TEST_F(Verify, NamesEachFileThatIsNotTheOneAttested) {
  const std::filesystem::path release = make_release("changed");
  std::string weights = contents_of(release / "model.safetensors");
  weights.back() = static_cast<char>(weights.back() ^ 1);
  folder_->write("changed/model.safetensors", weights);
  std::filesystem::remove(release / "code/model.py");
  folder_->write("changed/code/extra\n.py", "import os");
  folder_->write("changed/.gitignore", "nobody's concern");

  const Ended ended = verify({"--release", release, "--base", kLlama});
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(ended.out, AllOf(HasSubstr("changed: the files are NOT those that were attested.\n"
                                         "  changed  model.safetensors\n"
                                         "  missing  code/model.py\n"
                                         "  added    code/extra\uFFFD.py\n"),
                               HasSubstr("The audit was not made again.")));
  const json found = json::parse(verify({"--release", release, "--format", "json"}).out);
  EXPECT_EQ(found.at("holds"), false);
  EXPECT_THAT(found.at("release").at("changed"), ElementsAre("model.safetensors"));
  EXPECT_THAT(found.at("release").at("missing"), ElementsAre("code/model.py"));
  EXPECT_THAT(found.at("release").at("added"), ElementsAre("code/extra\n.py"));
  EXPECT_TRUE(found.at("base").is_null());
}

TEST_F(Verify, LooksAtTheBasesFilesToo) {
  make_release("other_base");
  const Ended ended = verify({"--release", path("attested"), "--base", path("other_base")});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("other_base: the files are NOT those"),
                               HasSubstr("  added    code/model.py\n"),
                               HasSubstr("The audit was not made again.")));
}

TEST_F(Verify, TellsAnAuditThatComesToSomethingElse) {
  Attestation attestation =
      read_attestation(path("audit.json"), VerifyingKey::read(path("key.pem.pub")));
  json statement = json::parse(attestation.statement);
  statement["predicate"]["evidence"]["exact"][0]["test"] = "7\x1b[2J";
  statement["predicate"]["evidence"]["embeddings"]["similarity"] = 0.123;
  statement["predicate"]["versions"]["azimuth"] = "9.9.9";
  attestation.statement = statement.dump();
  write_attestation(path("wrong.json"), attestation, SigningKey::read(path("key.pem")));

  EXPECT_EQ(verify({"--release", path("attested")}, "key.pem.pub", "wrong.json").code, 0);
  const std::vector<std::string> call = {"--release", path("attested"), "--base", kLlama};
  const Ended ended = verify(call, "key.pem.pub", "wrong.json");
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("The audit was made again, and does NOT come to the same"),
                               HasSubstr("It was made by azimuth 9.9.9, and this is "),
                               HasSubstr("  exact[0].test: "), HasSubstr("  embeddings.similarity: "),
                               HasSubstr("was 0.123\n"), Not(HasSubstr("\x1b"))));
  std::vector<std::string> as_json = call;
  as_json.insert(as_json.end(), {"--format", "json"});
  const json found = json::parse(verify(as_json, "key.pem.pub", "wrong.json").out);
  EXPECT_EQ(found.at("holds"), false);
  EXPECT_EQ(found.at("evidence").size(), 2);
}

TEST_F(Verify, RefusesWhatAnotherKeySignedInOneLine) {
  expect_refused(verify({}, "other.pem.pub"), "audit.json: signature: none is of this payload by");
  expect_refused(verify({}, "key.pem"), "key.pem: key: is a private key");
  expect_refused(verify({}, "missing.pub"), "missing.pub: ");
  expect_refused(verify({}, "key.pem.pub", "key.pem"), "key.pem: JSON: ");
  expect_refused(verify({"--release", path("missing")}), "missing: open: No such file");
}

TEST_F(Verify, OfAFileMayLieInTheFolderThatItIsAbout) {
  const std::filesystem::path release = make_release("with_attestation");
  std::filesystem::copy(path("audit.json"), release / "audit.json");
  const Ended ended = verify({"--release", release}, "key.pem.pub", "with_attestation/audit.json");
  EXPECT_EQ(ended.code, 0) << ended.out;
  EXPECT_EQ(verify({"--release", release}).code, 1) << "a copy is an added file";
  const std::filesystem::path other = make_release("attested_in_place");
  ASSERT_EQ(attest("attested_in_place", other / "audit.json").code, 0);
  EXPECT_EQ(verify({"--release", other}, "key.pem.pub", "attested_in_place/audit.json").code, 0);
}

TEST_F(Verify, KnowsTheAdapterAndTheConfiguration) {
  const std::string adapter = AZIMUTH_TEST_DATA "/adapters/llama";
  const std::string weights = path("attested/model.safetensors");
  const std::vector<std::string> given = {"--adapter", adapter, "--config",
                                          kLlama + "/config.json"};
  const Ended made = attest("attested/model.safetensors", path("adapted.json"), given);
  ASSERT_THAT(made.code, ::testing::AnyOf(0, 4)) << made.err;
  std::vector<std::string> call = {"--release", weights, "--base", kLlama, "--format", "json"};
  call.insert(call.end(), given.begin(), given.end());
  const Ended ended = verify(call, "key.pem.pub", "adapted.json");
  EXPECT_EQ(ended.code, 0) << ended.out << ended.err;
  const json found = json::parse(ended.out);
  EXPECT_THAT(found.at("evidence"), IsEmpty());
  std::vector<std::string> names;
  for (const json& file : found.at("statement").at("subject")) names.push_back(file.at("name"));
  EXPECT_THAT(names, ::testing::IsSupersetOf({"adapter/adapter_config.json", "config/config.json",
                                              "model.safetensors"}));
  EXPECT_EQ(verify({"--release", weights}, "key.pem.pub", "adapted.json").code, 1);
}

TEST_F(Verify, MakesAnAuditAgainAsItWasMade) {
  const std::string other = AZIMUTH_TEST_DATA "/architectures/qwen3";
  const Ended made =
      attest("attested", path("thorough.json"), {"--base", other, "--thorough", "--rate", "1e-5"});
  ASSERT_EQ(made.code, 0) << made.err;
  const std::vector<std::string> call = {"--release", path("attested"), "--base",
                                         kLlama,      "--format",       "json"};
  const Ended ended = verify(call, "key.pem.pub", "thorough.json");
  EXPECT_EQ(ended.code, 0) << ended.out;
  EXPECT_THAT(json::parse(ended.out).at("evidence"), IsEmpty());
  const json evidence = json::parse(ended.out).at("statement").at("predicate").at("evidence");
  EXPECT_EQ(evidence.at("bases"), "2");
  EXPECT_EQ(evidence.at("thorough"), true);
  EXPECT_EQ(evidence.at("rate"), 1e-5);
}

TEST_F(Verify, IsOfWeightsAlone) {
  const std::string signature = path("llama.azsig");
  ASSERT_EQ(run_program({"signature", kLlama, "-o", signature}).code, 0);
  const Ended ended = run_program({"audit", "--base", signature, "--release", kLlama, "--attest",
                                   path("signature.json"), "--key", path("key.pem")});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("--attest: needs weights, which " + signature));
  EXPECT_FALSE(std::filesystem::exists(path("signature.json")));
}

TEST_F(Verify, NeedsAKeyAndARelease) {
  EXPECT_EQ(run_program({"verify", path("audit.json")}).code, 2);
  EXPECT_EQ(verify({"--base", kLlama}).code, 2);
  EXPECT_EQ(verify({"--adapter", kLlama}).code, 2);
  const std::vector<std::string> audit = {"audit", "--base", kLlama, "--release", kLlama};
  for (const char* option : {"--attest", "--key"}) {
    std::vector<std::string> call = audit;
    call.insert(call.end(), {option, path("key.pem")});
    EXPECT_EQ(run_program(call).code, 2) << option;
  }
}

TEST_F(Verify, AttestsNothingThatItCouldNotSignOrWrite) {
  const Ended no_key = run_program({"audit", "--base", kLlama, "--release", kLlama, "--attest",
                                    path("none.json"), "--key", path("key.pem.pub")});
  expect_refused(no_key, "key.pem.pub: key: is a public key");
  EXPECT_FALSE(std::filesystem::exists(path("none.json")));
  expect_refused(attest("attested", path("attested/config.json")), "is read by this call");
  expect_refused(attest("attested", path("key.pem")), "is read by this call");
  expect_refused(attest("attested", path("none/audit.json")), "there is no folder");
}

TEST_F(Verify, AgreesWithOtherTools) {
  // They read ours.
  const json statement = other_tools({"read", path("audit.json"), path("key.pem.pub")});
  const json ours = json::parse(verify({"--format", "json"}).out);
  EXPECT_EQ(statement, ours.at("statement"));
  std::filesystem::remove(path("theirs.json"));
  // Of the same files as model-signing.
  EXPECT_EQ(other_tools({"files", path("attested")}), ours.at("statement").at("subject"));
  // And we theirs.
  other_tools(
      {"make", path("audit.json"), path("other.pem"), path("attested"), path("theirs.json")});
  const Ended ended =
      verify({"--release", path("attested"), "--base", kLlama}, "other.pem.pub", "theirs.json");
  EXPECT_EQ(ended.code, 0) << ended.out << ended.err;
  expect_refused(verify({}, "key.pem.pub", "theirs.json"), "signature: none is of this payload");
  // What we refuse they do too.
  const Ended wrong = run({"python3", AZIMUTH_CLI_TESTS "/calls/other_attestations.py", "read",
                           path("audit.json"), path("other.pem.pub")});
  EXPECT_NE(wrong.code, 0);
  EXPECT_THAT(wrong.err, HasSubstr("VerificationError"));
}

}  // namespace
}  // namespace azimuth::testing
