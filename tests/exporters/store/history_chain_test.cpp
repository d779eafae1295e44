#include "azimuth/history_chain.h"

#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "store_test.h"

namespace azimuth::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Fault = HistoryChain::Fault;

FailedSnapshot failure_at(std::int64_t step, std::int64_t attempt = 1) {
  return {"run-a", attempt, step, 1'700'000'000.5 + static_cast<double>(step), "no"};
}

class HistoryChainTest : public StoreTest {
 protected:
  /// A run with a base, three observations of which a failure comes between the first two, an
  /// end, a second attempt with two observations, and an end with a loss.
  void write_run() {
    Record first = sample_record(1, 10);
    first.base = sample_base();
    {
      HistoryStore store(path_);
      store.open([] { return status_of("run-a"); });
      store.write(first);
      store.write_failure(failure_at(15));
      store.write(sample_record(2, 20));
      store.write(sample_record(3, 30));
      store.end_run({});
    }
    HistoryStore store(path_);
    store.open([] {
      MonitorStatus status = status_of("run-a");
      status.exporters = {{"grpc", 0, 0, 2}, {"prometheus", 0, 0, 1}};
      return status;
    });
    store.write(sample_record(70, 20, 2));
    store.write(sample_record(71, 30, 2));
    store.end_run({});
  }

  HistoryChain chain() const {
    const std::vector<HistoryChain> chains = verify_chains(path_, "run-a");
    return chains.empty() ? HistoryChain() : chains.at(0);
  }

  std::string query(const std::string& sql) const {
    sqlite3* database = nullptr;
    std::string out;
    sqlite3_open(path_.c_str(), &database);
    const auto add = [](void* text, int, char** columns, char**) {
      *static_cast<std::string*>(text) += std::string(columns[0]) + "\n";
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), add, &out, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
    return out;
  }

  /// The hashes of all links as they are stored, and as a program of another language makes them.
  void expect_same_hashes_elsewhere(int links) const {
    const std::string command =
        "python3 '" AZIMUTH_STORE_TESTS "/walk_chain.py' '" + path_.string() + "' run-a";
    std::FILE* pipe = popen(command.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::string printed;
    for (char buffer[256]; std::fgets(buffer, sizeof buffer, pipe) != nullptr;) printed += buffer;
    ASSERT_EQ(pclose(pipe), 0);
    const std::string stored =
        query("SELECT json_group_array(hash) FROM (SELECT hash FROM links ORDER BY number)");
    std::string made;
    for (const char c : printed) made += c == ' ' ? "" : std::string(1, c);
    EXPECT_EQ(made, stored);
    EXPECT_EQ(query("SELECT count(*) FROM links"), std::to_string(links) + "\n");
  }
};

TEST_F(HistoryChainTest, FitsAsItWasWritten) {
  write_run();
  const HistoryChain fits = chain();
  EXPECT_TRUE(fits.fits());
  EXPECT_EQ(fits.run, "run-a");
  EXPECT_EQ(fits.links, 9) << "base, three observations, a failure, an end; two more and an end";
  EXPECT_EQ(fits.earlier_records, 0);
  EXPECT_EQ(fits.base_digest, sample_base()->model.weights_digest);
  EXPECT_EQ(fits.head + "\n", query("SELECT hash FROM links ORDER BY number DESC LIMIT 1"));
  EXPECT_EQ(fits.head.size(), 64u);
  ASSERT_TRUE(fits.newest);
  EXPECT_EQ(fits.newest->sequence, 71);
  EXPECT_EQ(query("SELECT kind FROM links ORDER BY number"),
            "base\nobservation\nfailed_snapshot\nobservation\nobservation\nend\n"
            "observation\nobservation\nend\n");
}

TEST_F(HistoryChainTest, IsMadeByItsDocumentationInAnotherLanguage) {
  write_run();
  expect_same_hashes_elsewhere(9);
}

TEST_F(HistoryChainTest, ARecordThatIsGivenTwiceIsOneLink) {
  HistoryStore store(path_);
  store.write(sample_record(1, 10));
  const std::string head = chain().head;
  store.write(sample_record(1, 10));
  store.write_failure(failure_at(20));
  store.write_failure(failure_at(20));
  EXPECT_EQ(chain().links, 2);
  EXPECT_NE(chain().head, head);
  EXPECT_TRUE(chain().fits());
}

TEST_F(HistoryChainTest, ARecordThatIsGivenAgainAfterTheEndDoesNotTakeItAway) {
  HistoryStore store(path_);
  store.open([] { return status_of("run-a"); });
  store.write(sample_record(1, 10));
  store.end_run({});
  store.write(sample_record(1, 10));
  EXPECT_TRUE(chain().fits());
  EXPECT_FALSE(std::isnan(HistoryReader(path_).runs().at(0).ended_at));
}

TEST_F(HistoryChainTest, GoesOnWithTheAttemptsOfAProcessThatDidNotKnowTheRun) {
  HistoryStore(path_).write(sample_record(1, 10));
  HistoryStore unaware(path_);
  unaware.write(sample_record(1, 10));
  unaware.write_failure(failure_at(20));
  const HistoryChain two = chain();
  EXPECT_TRUE(two.fits()) << two.fault->message;
  EXPECT_EQ(two.links, 3);
  EXPECT_EQ(two.newest->attempt, 2);
}

TEST_F(HistoryChainTest, RunsHaveChainsOfTheirOwn) {
  HistoryStore store(path_);
  store.write(sample_record(1, 10, 1, "run-b"));
  store.write(sample_record(1, 10, 1, "run-a"));
  store.write(sample_record(2, 20, 1, "run-b"));
  const std::vector<HistoryChain> chains = verify_chains(path_);
  ASSERT_EQ(chains.size(), 2u);
  EXPECT_EQ(chains[0].run, "run-a");
  EXPECT_EQ(chains[0].links, 1);
  EXPECT_EQ(chains[1].links, 2);
  EXPECT_TRUE(chains[0].fits() && chains[1].fits());
  EXPECT_THAT(verify_chains(path_, "run-c"), IsEmpty());
  run_sql("UPDATE observations SET time = 1 WHERE run = 'run-b'");
  EXPECT_FALSE(verify_chains(path_)[1].fits());
  EXPECT_TRUE(verify_chains(path_)[0].fits());
}

TEST_F(HistoryChainTest, AFailureBeforeTheFirstRecordIsNoHindrance) {
  HistoryStore store(path_);
  store.write_failure(failure_at(5));
  Record record = sample_record(1, 10);
  record.base = sample_base();
  store.write(record);
  EXPECT_TRUE(chain().fits());
  EXPECT_EQ(chain().links, 3);
  EXPECT_EQ(chain().base_digest, sample_base()->model.weights_digest);
}

struct Tampering {
  const char* name;
  std::string sql;
  Fault found;
  std::int64_t links = 0;  ///< that fit before
};

void PrintTo(const Tampering& tampering, std::ostream* out) { *out << tampering.name; }

const std::string kChanged = "was changed";
const std::string kRemoved = "was removed";
const std::string kLoose = "has no link: it was put in";
const std::string kNotNext = "the link was changed, moved or put in";
const std::string kThird = " WHERE attempt = 1 AND sequence = 3";

// Of the run that `write_run` writes. Link 5 is of observation 3.
const Fault kThirdIs = {5, "observation", 1, 3, 30, ""};

Fault third(const std::string& message) {
  Fault fault = kThirdIs;
  fault.message = message;
  return fault;
}

const Tampering kTamperings[] = {
    {"Removed", "DELETE FROM observations" + kThird, third(kRemoved), 4},
    {"RemovedWithItsLink",
     "DELETE FROM observations" + kThird + "; DELETE FROM links WHERE number = 5",
     {5, "", 0, 0, 0, "the link was removed; the next is number 6"},
     4},
    {"RemovedAndLinksRenumbered",
     "DELETE FROM observations" + kThird +
         "; DELETE FROM links WHERE number = 5; UPDATE links SET number = number + 100 WHERE "
         "number "
         "> 5; UPDATE links SET number = number - 101 WHERE number > 5",
     {5, "end", 0, 0, 0, kNotNext},
     4},
    {"OtherStep", "UPDATE observations SET step = 31" + kThird, third(kChanged), 4},
    {"OtherTime", "UPDATE observations SET time = time + 1e-6" + kThird, third(kChanged), 4},
    {"OtherState", "UPDATE observations SET state = 'drifting'" + kThird, third(kChanged), 4},
    {"OtherObservation",
     "UPDATE observations SET observation = (SELECT observation FROM observations WHERE sequence = "
     "2)" +
         kThird,
     third(kChanged), 4},
    {"OtherTracker", "UPDATE observations SET tracker = x''" + kThird, third(kChanged), 4},
    {"OtherType", "UPDATE observations SET observation = CAST(observation AS TEXT)" + kThird,
     third(kChanged), 4},
    {"OtherRun", "UPDATE observations SET run = 'run-b'" + kThird, third(kRemoved), 4},
    {"Reordered",
     "UPDATE observations SET sequence = 99" + kThird +
         "; UPDATE observations SET sequence = 3 WHERE attempt = 1 AND sequence = 2; UPDATE "
         "observations SET sequence = 2 WHERE sequence = 99",
     {4, "observation", 1, 2, 20, kChanged},
     3},
    {"LinksReordered",
     "UPDATE links SET number = 99 WHERE number = 5; UPDATE links SET number = 5 WHERE number = 4; "
     "UPDATE links SET number = 4 WHERE number = 99",
     {4, "observation", 1, 3, 30, kNotNext},
     3},
    {"PutIn",
     "INSERT INTO observations SELECT run, attempt, 4, 40, time, state, observation, tracker FROM "
     "observations" +
         kThird,
     {0, "observation", 1, 4, 40, kLoose},
     9},
    {"PutInWithALink",
     "INSERT INTO observations SELECT run, attempt, 4, 40, time, state, observation, tracker FROM "
     "observations" +
         kThird +
         "; INSERT INTO links SELECT run, 10, kind, attempt, 4, 40, time, record, hash FROM links "
         "WHERE number = 5",
     {10, "observation", 1, 4, 40, kNotNext},
     9},
    {"PutInWithALinkBeforeTheFirst",
     "INSERT INTO observations SELECT run, attempt, 4, 40, time, state, observation, tracker FROM "
     "observations" +
         kThird +
         "; INSERT INTO links SELECT run, 0, kind, attempt, 4, 40, time, record, hash FROM links "
         "WHERE number = 5",
     {1, "", 0, 0, 0, "the link was removed; the next is number 0"},
     0},
    {"FailureRemoved",
     "DELETE FROM failed_snapshots",
     {3, "failed_snapshot", 1, 0, 15, kRemoved},
     2},
    {"FailureExplained",
     "UPDATE failed_snapshots SET reason = 'yes'",
     {3, "failed_snapshot", 1, 0, 15, kChanged},
     2},
    {"FailurePutIn",
     "INSERT INTO failed_snapshots VALUES ('run-a', 1, 16, 2, 'x')",
     {0, "failed_snapshot", 1, 0, 16, kLoose},
     9},
    {"OtherBase", "UPDATE runs SET base = x'00'", {1, "base", 0, 0, 0, kChanged}, 0},
    {"BaseRemoved", "UPDATE runs SET base = NULL", {1, "base", 0, 0, 0, kRemoved}, 0},
    {"EndRemoved", "UPDATE runs SET ended_at = NULL", {9, "end", 0, 0, 0, kRemoved}, 8},
    {"EndMoved", "UPDATE runs SET ended_at = ended_at + 1", {9, "end", 0, 0, 0, kChanged}, 8},
    {"LossRemoved", "DELETE FROM losses WHERE exporter = 'grpc'", {9, "end", 0, 0, 0, kChanged}, 8},
    {"LossMadeSmaller", "UPDATE losses SET records = 1", {9, "end", 0, 0, 0, kChanged}, 8},
    {"NewestRemovedWithLinks",
     "DELETE FROM observations WHERE sequence = 71; DELETE FROM links WHERE number > 7",
     {0, "end", 0, 0, 0, "has no link"},
     7},
    {"ChangedWithItsRecordsHash",
     "UPDATE observations SET step = 31" + kThird +
         "; UPDATE links SET record = hash, step = 31 "
         "WHERE number = 5",
     {5, "observation", 1, 3, 31, kNotNext},
     4},
    {"HashChanged", "UPDATE links SET hash = upper(hash) WHERE number = 5", third(kNotNext), 4},
    {"LinkOfAnEarlierEndMoved",
     "UPDATE links SET time = time + 1 WHERE number = 6",
     {6, "end", 0, 0, 0, kNotNext},
     5},
    {"UnknownKind",
     "UPDATE links SET kind = 'run' WHERE number = 2",
     {2, "", 1, 1, 10, kNotNext},
     1},
};

class TamperedHistory : public HistoryChainTest, public ::testing::WithParamInterface<Tampering> {};

TEST_P(TamperedHistory, IsFoundAndTheFirstRecordThatDoesNotFitIsNamed) {
  write_run();
  run_sql(GetParam().sql);
  const HistoryChain tampered = chain();
  EXPECT_FALSE(tampered.fits());
  ASSERT_TRUE(tampered.fault);
  const Fault& expected = GetParam().found;
  EXPECT_EQ(tampered.fault->link, expected.link);
  EXPECT_EQ(tampered.fault->kind, expected.kind);
  EXPECT_EQ(tampered.fault->attempt, expected.attempt);
  EXPECT_EQ(tampered.fault->sequence, expected.sequence);
  EXPECT_EQ(tampered.fault->step, expected.step);
  EXPECT_THAT(tampered.fault->message, HasSubstr(expected.message));
  EXPECT_EQ(tampered.links, GetParam().links);
  EXPECT_FALSE(tampered.newest);
  const v1::RunChain message = to_proto(tampered);
  EXPECT_FALSE(message.fits());
  EXPECT_EQ(message.fault().message(), tampered.fault->message);
  EXPECT_EQ(message.fault().kind(), expected.kind);
}

INSTANTIATE_TEST_SUITE_P(All, TamperedHistory, ::testing::ValuesIn(kTamperings),
                         [](const auto& info) { return std::string(info.param.name); });

// Without the keys that SQLite would hold to.
TEST_F(HistoryChainTest, ARecordThatIsThereTwiceIsFound) {
  write_run();
  run_sql(
      "CREATE TABLE loose AS SELECT * FROM observations; DROP TABLE observations; "
      "ALTER TABLE loose RENAME TO observations; "
      "INSERT INTO observations SELECT run, attempt, sequence, step, time, 'changed', observation, "
      "tracker FROM observations" +
      kThird);
  EXPECT_EQ(chain().fault->message, "is there more than once");
  EXPECT_EQ(chain().fault->sequence, 3);
}

TEST_F(HistoryChainTest, AnotherRunsRecordsDoNotFit) {
  write_run();
  HistoryStore(path_).write(sample_record(1, 10, 1, "run-b"));
  run_sql(
      "DELETE FROM links WHERE run = 'run-a'; DELETE FROM observations WHERE run = 'run-a'; "
      "DELETE FROM failed_snapshots; UPDATE runs SET ended_at = NULL, base = NULL; "
      "UPDATE links SET run = 'run-a'; UPDATE observations SET run = 'run-a'");
  EXPECT_EQ(chain().fault->link, 1);
}

TEST_F(HistoryChainTest, ARunWhoseRecordsWereAllRemovedIsStillListed) {
  write_run();
  run_sql("DELETE FROM observations; DELETE FROM failed_snapshots; DELETE FROM runs");
  EXPECT_EQ(chain().fault->kind, "base");
  EXPECT_EQ(chain().fault->message, kRemoved);
}

/// Makes of the store one that an earlier version has written.
std::string as_of_version(int version) {
  std::string sql = "DROP TABLE links; ";
  if (version < 2) {
    sql +=
        "DROP TABLE failed_snapshots; DROP TABLE losses; ALTER TABLE runs DROP COLUMN host; "
        "ALTER TABLE runs DROP COLUMN pid; ";
  }
  return sql + "PRAGMA user_version = " + std::to_string(version);
}

TEST_F(HistoryChainTest, AnEarlierVersionHasNone) {
  for (const int version : {2, 1}) {
    write_run();
    run_sql(as_of_version(version));
    const HistoryChain none = chain();
    EXPECT_FALSE(none.fits());
    EXPECT_FALSE(none.fault);
    EXPECT_EQ(none.links, 0);
    EXPECT_EQ(none.head, "");
    EXPECT_EQ(none.earlier_records, version == 2 ? 6 : 5);
    EXPECT_EQ(none.newest->sequence, 71);
    std::filesystem::remove(path_);
  }
}

TEST_F(HistoryChainTest, BeginsWithAllThatAnEarlierVersionHasWritten) {
  for (const int version : {2, 1}) {
    write_run();
    run_sql(as_of_version(version));
    HistoryStore(path_).write(sample_record(130, 40, 3));
    const HistoryChain begun = chain();
    EXPECT_TRUE(begun.fits()) << begun.fault->message;
    EXPECT_EQ(query("SELECT kind FROM links ORDER BY number"), "earlier\nbase\nobservation\n");
    EXPECT_EQ(begun.earlier_records, version == 2 ? 6 : 5);
    EXPECT_EQ(begun.newest->sequence, 130);
    expect_same_hashes_elsewhere(3);
    std::filesystem::remove(path_);
  }
}

TEST_F(HistoryChainTest, WhatAnEarlierVersionHasWrittenStaysAsItWas) {
  const auto fault_after = [&](const std::string& sql) {
    std::filesystem::remove(path_);
    write_run();
    run_sql(as_of_version(2));
    HistoryStore(path_).write(sample_record(130, 40, 3));
    run_sql(sql);
    const auto fault = chain().fault.value_or(Fault());
    return std::to_string(fault.link) + " " + fault.kind + " " + fault.message;
  };
  const std::string changed = "1 earlier was changed";
  EXPECT_EQ(fault_after("UPDATE observations SET step = 31" + kThird), changed);
  EXPECT_EQ(fault_after("DELETE FROM observations" + kThird), changed);
  EXPECT_EQ(fault_after("DELETE FROM failed_snapshots"), changed);
  EXPECT_EQ(fault_after("DELETE FROM links WHERE number = 3"), changed);
  EXPECT_EQ(fault_after("UPDATE observations SET step = 41 WHERE sequence = 130"),
            "3 observation was changed");
}

TEST_F(HistoryChainTest, AStoreWithoutALinkOfItsRecordsHasNone) {
  write_run();
  run_sql("DELETE FROM links");
  EXPECT_FALSE(chain().fits());
  EXPECT_EQ(chain().earlier_records, 6);
}

TEST_F(HistoryChainTest, IsWalkedWhileTheRunIsRecorded) {
  HistoryStore store(path_);
  store.write(sample_record(1, 10));
  const std::string first = chain().head;
  store.write(sample_record(2, 20));
  EXPECT_TRUE(chain().fits());
  EXPECT_EQ(chain().links, 2);
  EXPECT_EQ(query("SELECT number FROM links WHERE hash = '" + first + "'"), "1\n")
      << "an earlier head is found in the chain";
}

TEST_F(HistoryChainTest, AStoreThatIsNotOneIsAnError) {
  EXPECT_THROW(verify_chains(path_), std::runtime_error);
  write_run();
  run_sql("DROP TABLE links; CREATE VIEW links AS SELECT * FROM observations");
  EXPECT_THROW(verify_chains(path_), std::runtime_error);
}

}  // namespace
}  // namespace azimuth::testing
