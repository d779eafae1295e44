// `azimuth history --verify` as a person calls it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/changed_model.h"
#include "cli/run_program.h"
#include "cli/stored_run.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kReleased = AZIMUTH_TEST_DATA "/architectures/llama";

json digested(const std::string& checkpoint) {
  const Ended ended = run_program({"inspect", checkpoint, "--no-spectral", "--format", "json"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  return json::parse(ended.out).at("model");
}

/// The last number of a model changes, in the last place of float32 or visibly.
std::string altered(const std::filesystem::path& to, bool visibly) {
  ChangedModel model(kReleased, to);
  model.change("model.norm.weight", [&](std::size_t i, float value) {
    if (i != 0) return value;
    return visibly ? 2 * value : std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ 1);
  });
  return model.write();
}

/// The model in 16 bits a number: the upper ones of a float32, or what `type` says they are.
std::string narrowed(const std::filesystem::path& to, const char* type) {
  ChangedModel model(kReleased, to);
  std::string data;
  for (auto& [name, entry] : model.header().items()) {
    if (!entry.contains("data_offsets")) continue;
    const std::size_t begin = data.size();
    const std::size_t end = entry.at("data_offsets").at(1);
    for (std::size_t i = entry.at("data_offsets").at(0); i < end; i += 4) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, model.data().data() + i, 4);
      bits = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
      data.append(reinterpret_cast<const char*>(&bits), 2);
    }
    entry["dtype"] = type;
    entry["data_offsets"] = {begin, data.size()};
  }
  model.data() = data;
  return model.write();
}

class HistoryVerify : public ::testing::Test {
 protected:
  void run_sql(const std::string& sql) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(store_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  Ended verify(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"history", "--verify", store_});
    return run_program(std::move(more));
  }

  /// A run whose last snapshot, of step 10, is of the weights of `checkpoint`.
  void store_run_of(const std::string& checkpoint) const {
    HistoryStore store(store_);
    store_run(store, "run-a", 1);
    const json model = digested(checkpoint);
    Observation o = sample_observation(2);
    o.run = "run-a";
    o.attempt = 1;
    o.step = 10;
    o.model.vocab_size = model.at("vocab_size");
    o.model.weights_digest = model.at("weights_digest");
    o.model.bfloat16_digest = model.at("bfloat16_digest");
    store.write(Record{o, {}, nullptr});
  }

  /// "code: what is said of the release".
  std::string release(const std::string& checkpoint) const {
    const Ended ended = verify({"--release", checkpoint});
    const std::string begin = "release " + checkpoint + ": ";
    const std::size_t at = ended.out.find(begin);
    EXPECT_NE(at, std::string::npos) << ended.out << ended.err;
    return std::to_string(ended.code) + ": " +
           ended.out.substr(std::min(at + begin.size(), ended.out.size()));
  }

  TemporaryFolder folder_;
  const std::string store_ = folder_.path() / "run.azimuth";
};

TEST_F(HistoryVerify, SaysHowManyLinksFitAndToWhichHead) {
  store_run(store_, "run-a", 4);
  const Ended ended = verify();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, StartsWith("run-a: fits, 4 links\n"
                                    "  from the base  none, or one without a digest\n"
                                    "  to the head    "));
  const Ended as_json = verify({"--format", "json"});
  EXPECT_EQ(as_json.code, 0);
  const json chain = json::parse(as_json.out).at("runs").at(0);
  EXPECT_EQ(chain.at("run"), "run-a");
  EXPECT_EQ(chain.at("link_count"), "4");
  EXPECT_EQ(chain.at("fits"), true);
  EXPECT_EQ(chain.at("base_digest"), "");
  EXPECT_EQ(chain.at("earlier_record_count"), "0");
  EXPECT_THAT(ended.out, HasSubstr(chain.at("head").get<std::string>() + "\n"));
  EXPECT_EQ(chain.at("fault").at("message"), "");
  EXPECT_EQ(json::parse(as_json.out).at("release").at("match"), "RELEASE_MATCH_UNSPECIFIED");
}

TEST_F(HistoryVerify, NamesTheBase) {
  HistoryStore store(store_);
  Observation o = sample_observation(1);
  o.run = "run-a";
  store.write(Record{o, {}, std::make_shared<Signature>(signature_of(o, 0.1))});
  EXPECT_THAT(verify().out, HasSubstr("fits, 2 links\n  from the base  digest\n"));
}

TEST_F(HistoryVerify, NamesTheFirstRecordThatDoesNotFit) {
  store_run(store_, "run-a", 4);
  store_run(store_, "run-b", 2);
  run_sql("UPDATE observations SET step = 21 WHERE run = 'run-a' AND sequence = 3");
  const Ended ended = verify();
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.out,
              AllOf(StartsWith("run-a: does not fit at link 3\n"
                               "  observation of attempt 1, sequence 3, step 20: was changed\n"
                               "  2 links fit before it, up to  "),
                    HasSubstr("run-b: fits, 2 links\n")));
  EXPECT_EQ(verify({"--run", "run-b"}).code, 0);
  EXPECT_THAT(verify({"--run", "run-b"}).out, Not(HasSubstr("run-a")));
  const Ended as_json = verify({"--format", "json", "--run", "run-a"});
  EXPECT_EQ(as_json.code, 1);
  const json chain = json::parse(as_json.out).at("runs").at(0);
  EXPECT_EQ(chain.at("fits"), false);
  EXPECT_EQ(chain.at("fault").at("link"), "3");
  EXPECT_EQ(chain.at("fault").at("kind"), "observation");
  EXPECT_EQ(chain.at("fault").at("attempt"), "1");
  EXPECT_EQ(chain.at("fault").at("sequence"), "3");
  EXPECT_EQ(chain.at("fault").at("step"), "20");
  EXPECT_EQ(chain.at("fault").at("message"), "was changed");
}

TEST_F(HistoryVerify, WithoutAChainNothingCanBeTold) {
  store_run(store_, "run-a", 4);
  run_sql("DELETE FROM links");
  const Ended ended = verify();
  EXPECT_EQ(ended.code, 4);
  EXPECT_EQ(ended.out,
            "run-a: has no chain: an earlier version wrote its 4 records, or the links were "
            "removed\n");
  {
    HistoryStore store(store_);
    store_run(store, "run-a", 1);
  }
  const Ended begun = verify();
  EXPECT_EQ(begun.code, 0);
  EXPECT_THAT(begun.out, HasSubstr("An earlier version wrote 4 records. They have one link"));
  run_sql("DELETE FROM links; DELETE FROM observations");
  EXPECT_EQ(verify().code, 4);
  EXPECT_EQ(verify().out, store_ + ": no runs\n");
}

TEST_F(HistoryVerify, AnsweredQuestionsAreThoseThatCanBe) {
  store_run(store_, "run-a", 2);
  EXPECT_EQ(verify({"--run", "run-c"}).code, 3);
  EXPECT_THAT(verify({"--run", "run-c"}).err, HasSubstr("this history has run-a"));
  EXPECT_EQ(verify({"--format", "csv"}).code, 2);
  EXPECT_EQ(verify({"--tensorboard", folder_.path() / "t"}).code, 2);
  EXPECT_EQ(run_program({"history", store_, "--release", kReleased}).code, 2);
  store_run(store_, "run-b", 2);
  const Ended which = verify({"--release", kReleased});
  EXPECT_EQ(which.code, 3);
  EXPECT_THAT(which.err, HasSubstr("name that of the release with --run"));
}

TEST_F(HistoryVerify, TellsTheReleaseOfTheLastSnapshot) {
  store_run_of(kReleased);
  EXPECT_EQ(release(kReleased),
            "0: its weights are those of the run's last snapshot, of step 10\n");
  const Ended as_json = verify({"--release", kReleased, "--format", "json"});
  EXPECT_EQ(as_json.code, 0);
  const json found = json::parse(as_json.out).at("release");
  EXPECT_EQ(found.at("match"), "RELEASE_MATCH_SAME");
  EXPECT_EQ(found.at("step"), "10");
  EXPECT_EQ(found.at("snapshot").at("weights_digest"), found.at("release").at("weights_digest"));
  EXPECT_EQ(found.at("release").at("hidden_size"), 24);

  EXPECT_THAT(release(narrowed(folder_.path() / "bf16", "BF16")),
              StartsWith("0: its weights, rounded to bfloat16, are those of the run's last "
                         "snapshot, of step 10; its bytes are not"));
  EXPECT_THAT(release(altered(folder_.path() / "last-place", false)),
              StartsWith("0: its weights, rounded to bfloat16, are"));
  EXPECT_EQ(release(altered(folder_.path() / "changed", true)),
            "1: its weights are not those of the run's last snapshot, of step 10, or are laid out "
            "in another way\n");
}

TEST_F(HistoryVerify, AReleaseInWiderNumbersIsTold) {
  store_run_of(narrowed(folder_.path() / "bf16", "BF16"));
  EXPECT_THAT(release(kReleased), StartsWith("0: its weights, rounded to bfloat16, are"));
}

TEST_F(HistoryVerify, SaysWhyAReleaseCannotBeTold) {
  store_run_of(kReleased);
  EXPECT_THAT(release(narrowed(folder_.path() / "f16", "F16")),
              StartsWith("4: its digests are not those of the run's last snapshot, of step 10, but "
                         "could not be: it is stored as f16, which does not hold every value"));
  EXPECT_THAT(release(AZIMUTH_TEST_DATA "/gguf/llama.gguf"),
              StartsWith("4: its digests are not those of the run's last snapshot, of step 10, but "
                         "could not be: GGUF keeps"));
  const std::string signature = folder_.path() / "s.azsig";
  ASSERT_EQ(run_program({"signature", kReleased, "-o", signature, "--no-spectral"}).code, 0);
  EXPECT_THAT(release(signature), StartsWith("0: its weights are those of"));
  const std::string other = folder_.path() / "other.azsig";
  ASSERT_EQ(run_program({"signature", altered(folder_.path() / "changed", true), "-o", other,
                         "--no-spectral"})
                .code,
            0);
  EXPECT_THAT(release(other), StartsWith("4: its digests are not"));

  HistoryStore store(store_);
  Observation o = sample_observation(200);
  o.run = "run-a";
  o.attempt = 2;
  o.model.weights_digest = {};
  o.model.bfloat16_digest = {};
  store.write(Record{o, {}, nullptr});
  EXPECT_THAT(release(kReleased),
              StartsWith("4: the run's last snapshot, of step 2000, has no digest"));
}

TEST_F(HistoryVerify, AStepOfAHistoryIsNoRelease) {
  store_run_of(kReleased);
  const Ended ended = verify({"--release", store_ + "@10"});
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, HasSubstr("@10: release: is a step of a history"));
}

TEST_F(HistoryVerify, SaysThatAnEarlierVersionHadNoRoundedDigest) {
  store_run_of(kReleased);
  HistoryStore store(store_);
  Observation o = sample_observation(200);
  o.run = "run-a";
  o.attempt = 2;
  o.model.weights_digest = "x";
  o.model.bfloat16_digest = {};
  store.write(Record{o, {}, nullptr});
  EXPECT_THAT(release(kReleased),
              StartsWith("4: its bytes are not those of the run's last snapshot"));
}

TEST_F(HistoryVerify, HoldsNoReleaseAgainstAHistoryThatDoesNotFit) {
  store_run_of(kReleased);
  run_sql("UPDATE observations SET state = 'absent' WHERE sequence = 1");
  EXPECT_EQ(release(kReleased), "1: nothing is compared, since the history does not fit\n");
}

}  // namespace
}  // namespace azimuth::testing
