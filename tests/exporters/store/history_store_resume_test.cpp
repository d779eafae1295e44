#include <fstream>
#include <iterator>

#include "store_test.h"

namespace azimuth::testing {
namespace {

using ::testing::ElementsAre;

class HistoryStoreResumeTest : public StoreTest {};

TEST_F(HistoryStoreResumeTest, KnowsNothingOfANewRun) {
  const auto store = HistoryStore::open(path_);
  EXPECT_FALSE(store->last_known("run-a"));
  EXPECT_EQ(store->state_before("run-a", 10), std::nullopt);
}

std::string claim_error(HistoryStore& store, const std::string& run) {
  try {
    store.claim(run);
  } catch (const RunInUse& error) {
    return error.what();
  }
  return "";
}

TEST_F(HistoryStoreResumeTest, ARunBelongsToOneUntilItEnds) {
  const auto files = [&] {
    return std::distance(std::filesystem::directory_iterator(folder_), {});
  };
  auto first = HistoryStore::open(path_);
  const auto second = HistoryStore::open(path_);
  EXPECT_EQ(claim_error(*first, "run-a"), "");
  EXPECT_EQ(claim_error(*first, "run-a"), "") << "again, by the same";
  EXPECT_EQ(claim_error(*HistoryStore::open(path_), "run-b"), "") << "another run";
  char host[256] = {};
  ASSERT_EQ(gethostname(host, sizeof host), 0);
  EXPECT_EQ(claim_error(*second, "run-a"),
            path_.string() + ": run run-a: process " + std::to_string(getpid()) + " on host " +
                host + " is recording it: give this run another name, or end that process first");
  EXPECT_THROW(second->open([] { return status_of("run-a"); }), RunInUse);
  EXPECT_THAT(HistoryReader(path_).runs(), ::testing::IsEmpty()) << "a claim alone is no run";

  first->open([] { return status_of("run-a"); });
  first->write(sample_record(1, 10));
  first->end_run({});
  EXPECT_EQ(claim_error(*second, "run-a"), "") << "it has ended";
  first.reset();
  EXPECT_EQ(claim_error(*HistoryStore::open(path_), "run-a"),
            claim_error(*HistoryStore::open(path_), "run-a"));
  EXPECT_EQ(files(), 4) << "the store, its log and index, the lock of a run";
}

TEST_F(HistoryStoreResumeTest, ALockThatWasLeftBehindHoldsUpNobody) {
  const auto lock = [&] {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.path().string().find("-lock-") != std::string::npos) return entry.path();
    }
    return std::filesystem::path();
  };
  auto store = HistoryStore::open(path_);
  store->claim("run-a");
  const std::filesystem::path path = lock();
  store.reset();
  EXPECT_TRUE(lock().empty());
  std::ofstream{path};
  EXPECT_EQ(claim_error(*HistoryStore::open(path_), "run-a"), "");
}

TEST_F(HistoryStoreResumeTest, ClaimsNothingWhereNothingCanBeOpened) {
  HistoryStore::open(folder_ / "missing" / "history")->claim("run-a");
}

TEST_F(HistoryStoreResumeTest, KnowsWhereTheRunWas) {
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(1, 10));
  Record newest = sample_record(2, 20);
  newest.observation.probe.token_ids = {5, 6};
  store->write(newest);
  const auto known = HistoryStore::open(path_)->last_known("run-a");
  ASSERT_TRUE(known);
  EXPECT_EQ(known->attempt, 1);
  EXPECT_EQ(known->sequence, 2);
  EXPECT_EQ(known->step, 20);
  EXPECT_THAT(known->token_ids, ElementsAre(5, 6));
  EXPECT_EQ(known->base, nullptr);
}

TEST_F(HistoryStoreResumeTest, KeepsTheFirstBase) {
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(1, 10));
  Record record = sample_record(2, 20);
  record.base = sample_base();
  store->write(record);
  record = sample_record(3, 30);
  auto other = std::make_shared<Signature>(*sample_base());
  other->noise_floor_degrees = 9;
  record.base = other;
  store->write(record);
  store->write(sample_record(4, 40));
  const auto known = HistoryStore::open(path_)->last_known("run-a");
  ASSERT_NE(known->base, nullptr);
  EXPECT_EQ(fields_of(*known->base), fields_of(*sample_base()));
}

TEST_F(HistoryStoreResumeTest, RestoresTheWholeTrackerState) {
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(1, 10));
  const auto state = HistoryStore::open(path_)->state_before("run-a", 11);
  ASSERT_TRUE(state);
  EXPECT_EQ(fields_of(*state), fields_of(sample_tracker(10)));
}

TEST_F(HistoryStoreResumeTest, GoesOnOverSeveralAttemptsThatRepeatSteps) {
  const auto first = HistoryStore::open(path_);
  first->write(sample_record(1, 10));
  first->write(sample_record(2, 20));
  first->write(sample_record(3, 30));

  const auto second = HistoryStore::open(path_);
  ASSERT_EQ(second->last_known("run-a")->sequence, 3);
  ASSERT_EQ(second->state_before("run-a", 15)->state_since_step, 10);
  Record repeated = sample_record(4, 15, 2);
  repeated.tracker = sample_tracker(1015);
  second->write(repeated);

  // 20 and 30 are larger steps of the first attempt, but not what the run goes on from.
  const auto third = HistoryStore::open(path_);
  const auto known = third->last_known("run-a");
  ASSERT_TRUE(known);
  EXPECT_EQ(known->attempt, 2);
  EXPECT_EQ(known->sequence, 4);
  EXPECT_EQ(known->step, 15);
  EXPECT_EQ(third->state_before("run-a", 16)->state_since_step, 1015);
  EXPECT_EQ(third->state_before("run-a", 100)->state_since_step, 1015);
  EXPECT_EQ(third->state_before("run-a", 15)->state_since_step, 10);
  EXPECT_EQ(third->state_before("run-a", 10), std::nullopt);
  third->write(sample_record(5, 15, 3));
  EXPECT_THAT(stored(), ElementsAre("1.1", "1.2", "1.3", "2.4", "3.5"));
}

TEST_F(HistoryStoreResumeTest, KeepsWhatAProcessWroteThatDidNotKnowTheRun) {
  HistoryStore::open(path_)->write(sample_record(1, 10, 1));
  HistoryStore::open(path_)->write(sample_record(2, 20, 2));
  const auto unaware = HistoryStore::open(path_);
  unaware->write(sample_record(1, 5, 1));
  unaware->write(sample_record(1, 5, 1));
  unaware->write(sample_record(2, 6, 1));
  EXPECT_THAT(stored(), ElementsAre("1.1", "2.2", "3.1", "3.2"));
  const auto known = HistoryStore::open(path_)->last_known("run-a");
  EXPECT_EQ(known->attempt, 3);
  EXPECT_EQ(known->sequence, 2);
  EXPECT_EQ(known->step, 6);
}

}  // namespace
}  // namespace azimuth::testing
