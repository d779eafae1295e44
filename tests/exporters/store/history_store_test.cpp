#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

#include "store_test.h"

namespace azimuth::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::IsEmpty;

class HistoryStoreTest : public StoreTest {};

TEST_F(HistoryStoreTest, GivesBackEveryField) {
  const Record record = sample_record(3, 30, 2);
  HistoryStore::open(path_)->write(record);
  std::vector<Observation> read;
  HistoryReader(path_).for_each("run-a", [&](const Observation& o) { read.push_back(o); });
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(fields_of(read[0]), fields_of(record.observation));
}

TEST_F(HistoryStoreTest, IsALosslessExporterThatRemembers) {
  const auto store = HistoryStore::open(path_);
  EXPECT_EQ(store->name(), "store");
  EXPECT_TRUE(store->lossless());
  EXPECT_EQ(store->history(), store.get());
}

TEST_F(HistoryStoreTest, TakesTheSameRecordTwice) {
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(1, 10));
  store->write(sample_record(1, 10));
  store->write(sample_record(2, 20));
  EXPECT_THAT(stored(), ElementsAre("1.1", "1.2"));
}

TEST_F(HistoryStoreTest, KeepsRunsInOneFileApart) {
  const auto a = HistoryStore::open(path_);
  const auto b = HistoryStore::open(path_);
  a->write(sample_record(1, 10, 1, "run-a"));
  b->write(sample_record(1, 15, 1, "run-b"));
  a->write(sample_record(2, 20, 1, "run-a"));
  EXPECT_THAT(stored("run-a"), ElementsAre("1.1", "1.2"));
  EXPECT_THAT(stored("run-b"), ElementsAre("1.1"));
  EXPECT_THAT(stored("run-c"), IsEmpty());
  EXPECT_EQ(a->last_known("run-b")->step, 15);
  EXPECT_EQ(a->state_before("run-b", 11), std::nullopt);
}

TEST_F(HistoryStoreTest, ListsItsRuns) {
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(2, 20, 1, "later"));
  store->write(sample_record(1, 10, 1, "earlier"));
  store->write(sample_record(4, 15, 2, "later"));
  const std::vector<HistoryReader::Run> runs = HistoryReader(path_).runs();
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].run, "earlier");
  EXPECT_EQ(runs[1].run, "later");
  EXPECT_EQ(runs[1].observations, 2);
  EXPECT_EQ(runs[1].attempts, 2);
  EXPECT_EQ(runs[1].last_step, 15);
  EXPECT_EQ(runs[1].first_time, sample_observation(2).time);
  EXPECT_EQ(runs[1].last_time, sample_observation(4).time);
}

TEST_F(HistoryStoreTest, FindsTheNewestObservationOfAStep) {
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(1, 10, 1));
  store->write(sample_record(2, 20, 1));
  store->write(sample_record(3, 10, 2));
  HistoryReader reader(path_);
  EXPECT_EQ(reader.at_step("run-a", 10)->sequence, 3);
  EXPECT_EQ(reader.at_step("run-a", 20)->sequence, 2);
  EXPECT_FALSE(reader.at_step("run-a", 15));
  EXPECT_FALSE(reader.at_step("run-b", 10));
}

TEST_F(HistoryStoreTest, NotesTheEndOfARunUntilItGoesOn) {
  const auto ended_at = [&] { return HistoryReader(path_).runs().at(0).ended_at; };
  const auto store = HistoryStore::open(path_);
  store->open([] { return status_of("run-a"); });
  store->write(sample_record(1, 10));
  store->write(sample_record(9, 10, 1, "run-b"));
  EXPECT_TRUE(std::isnan(ended_at()));
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  store->end_run(std::chrono::steady_clock::now());
  EXPECT_GE(ended_at(), std::chrono::duration<double>(before).count());
  EXPECT_TRUE(std::isnan(HistoryReader(path_).runs().at(1).ended_at)) << "another run";
  HistoryStore::open(path_)->write(sample_record(2, 20, 2));
  EXPECT_TRUE(std::isnan(ended_at()));
}

FailedSnapshot sample_failure(std::int64_t step, const std::string& reason,
                              std::int64_t attempt = 1) {
  return {"run-a", attempt, step, 1'700'000'000.0 + static_cast<double>(step), reason};
}

std::vector<FailedSnapshot> failures_of(const std::filesystem::path& path) {
  std::vector<FailedSnapshot> failures;
  HistoryReader(path).for_each_failed_snapshot(
      "run-a", [&](const FailedSnapshot& failed) { failures.push_back(failed); });
  return failures;
}

TEST_F(HistoryStoreTest, KeepsSnapshotsThatFailed) {
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(1, 10));
  store->write_failure(sample_failure(20, "parameter w has disappeared"));
  store->write_failure(sample_failure(20, "parameter w has disappeared"));  // given again
  store->write_failure(sample_failure(30, "a\n\xff"));
  EXPECT_THAT(failures_of(path_),
              ElementsAre(FieldsAre("run-a", 1, 20, 1'700'000'020.0, "parameter w has disappeared"),
                          FieldsAre("run-a", 1, 30, 1'700'000'030.0, "a\\x0a\\xff")));
  const HistoryReader::Run run = HistoryReader(path_).runs().at(0);
  EXPECT_EQ(run.observations, 1);
  EXPECT_EQ(run.failed_snapshots, 2);
  const v1::FailedSnapshot message = to_proto(failures_of(path_)[0]);
  EXPECT_EQ(message.attempt(), 1);
  EXPECT_EQ(message.step(), 20);
  EXPECT_EQ(message.time().seconds(), 1'700'000'020);
  EXPECT_EQ(message.reason(), "parameter w has disappeared");
}

TEST_F(HistoryStoreTest, ListsARunWhoseSnapshotsAllFailed) {
  const auto store = HistoryStore::open(path_);
  store->write_failure(sample_failure(20, "no"));
  store->write_failure(sample_failure(30, "no"));
  const HistoryReader::Run run = HistoryReader(path_).runs().at(0);
  EXPECT_EQ(run.observations, 0);
  EXPECT_EQ(run.failed_snapshots, 2);
  EXPECT_EQ(run.last_step, 30);
  EXPECT_EQ(run.first_time, 1'700'000'020.0);
  EXPECT_EQ(run.last_time, 1'700'000'030.0);
}

TEST_F(HistoryStoreTest, FailuresFollowTheAttemptOfTheirRecords) {
  HistoryStore::open(path_)->write(sample_record(1, 10));
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(1, 10));  // without having read the history
  store->write_failure(sample_failure(20, "no"));
  EXPECT_THAT(stored(), ElementsAre("1.1", "2.1"));
  EXPECT_EQ(failures_of(path_).at(0).attempt, 2);
}

TEST_F(HistoryStoreTest, NotesWhatWasLostWithTheEnd) {
  MonitorStatus status = status_of("run-a");
  status.exporters = {{"prometheus", 3, 0, 2}, {"grpc", 0, 0, 0}, {"store", 0, 0, 0}};
  const auto store = HistoryStore::open(path_);
  store->open([&] { return status; });
  store->write(sample_record(1, 10));
  EXPECT_THAT(HistoryReader(path_).runs().at(0).losses, IsEmpty());
  store->end_run({});
  store->end_run({});
  const HistoryReader::Run run = HistoryReader(path_).runs().at(0);
  EXPECT_THAT(run.losses, ElementsAre(FieldsAre("prometheus", 2)));
  EXPECT_EQ(to_proto(run).losses(0).exporter(), "prometheus");
  EXPECT_EQ(to_proto(run).losses(0).records(), 2);
  store->write(sample_record(2, 20));
  EXPECT_THAT(HistoryReader(path_).runs().at(0).losses, IsEmpty()) << "it goes on";
}

TEST_F(HistoryStoreTest, ReadsTheFirstVersionAndBringsItToTheNewest) {
  HistoryStore::open(path_)->write(sample_record(1, 10));
  run_sql(
      "DROP TABLE links; DROP TABLE failed_snapshots; DROP TABLE losses; "
      "ALTER TABLE runs DROP COLUMN host; ALTER TABLE runs DROP COLUMN pid; PRAGMA user_version = "
      "1");
  EXPECT_EQ(HistoryReader(path_).runs().at(0).failed_snapshots, 0);
  EXPECT_THAT(failures_of(path_), IsEmpty());
  EXPECT_THAT(stored(), ElementsAre("1.1"));
  HistoryStore::open(path_)->write_failure(sample_failure(20, "no"));
  EXPECT_EQ(HistoryReader(path_).runs().at(0).failed_snapshots, 1);
  EXPECT_THAT(stored(), ElementsAre("1.1"));
}

TEST_F(HistoryStoreTest, IsReadWhileItIsWritten) {
  constexpr int count = 100;
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(1, 1));
  std::promise<void> reading;
  std::atomic<bool> written = false;
  std::thread writer([&] {
    reading.get_future().wait();
    for (int i = 2; i <= count; ++i) store->write(sample_record(i, i));
    written = true;
  });
  HistoryReader reader(path_);
  std::int64_t last = 0;
  bool told = false;
  const auto tell = [&] {
    if (!std::exchange(told, true)) reading.set_value();
  };
  for (bool last_round = false; !last_round;) {
    last_round = written;
    std::int64_t seen = 0;
    reader.for_each("run-a", [&](const Observation& observation) {
      EXPECT_EQ(observation.sequence, ++seen);
      tell();
    });
    tell();
    EXPECT_GE(seen, last);
    last = seen;
  }
  writer.join();
  EXPECT_EQ(last, count);
}

TEST_F(HistoryStoreTest, IsReadWhereNothingCanBeWritten) {
  HistoryStore::open(path_)->write(sample_record(1, 10));
  const auto count = [&] { return static_cast<int>(stored().size()); };
  EXPECT_EQ(without_permission(folder_, count), 1) << "at rest";
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(2, 20));
  EXPECT_EQ(without_permission(folder_, count), 2) << "while it is written";
}

TEST_F(HistoryStoreTest, LeavesNothingBesideAFileAtRest) {
  path_ = folder_ / "a?b#c%41";
  HistoryStore::open(path_)->write(sample_record(1, 10));
  HistoryReader reader(path_);
  EXPECT_EQ(reader.runs().size(), 1U);
  EXPECT_TRUE(reader.at_step("run-a", 10));
  EXPECT_TRUE(reader.signature_at_step("run-a", 10));
  EXPECT_THAT(stored(), ElementsAre("1.1"));
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    names.push_back(entry.path().filename());
  }
  EXPECT_THAT(names, ElementsAre("a?b#c%41"));
}

TEST_F(HistoryStoreTest, ShowsAReaderWhatIsWrittenAfterItWasOpened) {
  HistoryStore::open(path_)->write(sample_record(1, 10));
  HistoryReader reader(path_);
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(2, 20));
  EXPECT_EQ(reader.runs().at(0).observations, 2);
  EXPECT_TRUE(reader.at_step("run-a", 20));
}

TEST_F(HistoryStoreTest, IsAskedAndWrittenFromSeveralThreads) {
  constexpr int count = 50;
  const auto store = HistoryStore::open(path_);
  std::thread writer([&] {
    for (int i = 1; i <= count; ++i) store->write(sample_record(i, i));
  });
  std::thread analysis([&] {
    for (int i = 1; i <= count; ++i) {
      if (const auto state = store->state_before("run-a", i)) {
        EXPECT_LT(state->state_since_step, i);
      }
    }
  });
  for (int i = 1; i <= count; ++i) {
    if (const auto known = store->last_known("run-a")) {
      EXPECT_EQ(known->step, known->sequence);
    }
  }
  writer.join();
  analysis.join();
  EXPECT_EQ(store->last_known("run-a")->sequence, count);
}

TEST_F(HistoryStoreTest, TouchesNoFileBeforeItIsNeeded) {
  const auto store = HistoryStore::open(path_);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_THROW(HistoryStore::open(""), std::invalid_argument);
}

}  // namespace
}  // namespace azimuth::testing
