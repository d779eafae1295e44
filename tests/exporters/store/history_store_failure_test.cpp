#include <fcntl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <stdexcept>

#include "store_test.h"

namespace azimuth::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HistoryStoreFailureTest : public StoreTest {
 protected:
  /// Runs SQL on the file, past the store.
  void run_sql(const char* sql) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }
};

template <class Function>
std::string error_of(const Function& function) {
  try {
    function();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

/// While it lives, no file of this process grows beyond `bytes`: a full disk.
class FullDisk {
 public:
  explicit FullDisk(std::uintmax_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{static_cast<rlim_t>(bytes), before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
};

TEST_F(HistoryStoreFailureTest, WritesTheSameRecordOnceTheDiskHasRoomAgain) {
  const auto store = HistoryStore::open(path_);
  store->write(sample_record(1, 10));
  {
    const FullDisk full(100);
    EXPECT_THAT(error_of([&] { store->write(sample_record(2, 20)); }),
                StartsWith(path_.string() + ": cannot write: "));
    EXPECT_THROW(store->write(sample_record(2, 20)), std::runtime_error);
  }
  EXPECT_THAT(stored(), ElementsAre("1.1"));
  store->write(sample_record(2, 20));
  EXPECT_THAT(stored(), ElementsAre("1.1", "1.2"));
}

TEST_F(HistoryStoreFailureTest, IsMadeOnceTheDiskHasRoom) {
  const auto store = HistoryStore::open(path_);
  {
    const FullDisk full(100);
    EXPECT_THROW(store->open([] { return status_of("run-a"); }), std::runtime_error);
    EXPECT_THROW(store->write(sample_record(1, 10)), std::runtime_error);
  }
  store->open([] { return status_of("run-a"); });
  store->write(sample_record(1, 10));
  EXPECT_THAT(stored(), ElementsAre("1.1"));
}

TEST_F(HistoryStoreFailureTest, NamesTheFileThatCannotBeOpened) {
  std::ofstream(folder_ / "file") << "x";
  const std::filesystem::path below_a_file = folder_ / "file" / "history.azimuth";
  for (const std::filesystem::path& path : {below_a_file, std::filesystem::path("/proc/history")}) {
    const auto store = HistoryStore::open(path);
    const auto error = StartsWith(path.string() + ": cannot open: ");
    EXPECT_THAT(error_of([&] { store->open([] { return status_of("run-a"); }); }), error);
    EXPECT_THAT(error_of([&] { store->last_known("run-a"); }), error);
    EXPECT_THAT(error_of([&] { store->state_before("run-a", 1); }), error);
    EXPECT_THAT(error_of([&] { store->write(sample_record(1, 10)); }), error);
    EXPECT_THAT(error_of([&] { HistoryReader reader(path); }), error);
  }
}

TEST_F(HistoryStoreFailureTest, DoesNotTouchAFileThatIsNoHistory) {
  const std::string text(5000, 'x');
  std::ofstream(path_) << text;
  EXPECT_THAT(error_of([&] { HistoryStore::open(path_)->write(sample_record(1, 10)); }),
              AllOf(StartsWith(path_.string() + ": "), HasSubstr("not a database")));
  EXPECT_THAT(error_of([&] { HistoryReader reader(path_); }), HasSubstr("not a database"));
  std::ifstream file(path_);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text);
}

TEST_F(HistoryStoreFailureTest, DoesNotTouchADatabaseOfSomethingElse) {
  run_sql("CREATE TABLE runs (x)");
  const auto modified = std::filesystem::last_write_time(path_);
  EXPECT_THAT(
      error_of([&] { HistoryStore::open(path_)->write(sample_record(1, 10)); }),
      AllOf(StartsWith(path_.string() + ": cannot open: "), HasSubstr("not an Azimuth history")));
  EXPECT_THAT(error_of([&] { HistoryReader reader(path_); }), HasSubstr("not an Azimuth history"));
  EXPECT_EQ(std::filesystem::last_write_time(path_), modified);
}

TEST_F(HistoryStoreFailureTest, RefusesAHistoryOfANewerVersion) {
  HistoryStore::open(path_)->write(sample_record(1, 10));
  run_sql("PRAGMA user_version = 99");
  EXPECT_THAT(error_of([&] { HistoryStore::open(path_)->last_known("run-a"); }),
              AllOf(StartsWith(path_.string() + ": cannot open: "), HasSubstr("version 99")));
  EXPECT_THAT(error_of([&] { HistoryReader reader(path_); }), HasSubstr("version 99"));
}

TEST_F(HistoryStoreFailureTest, SaysWhereAFileAtRestWasWrittenToWhileItWasRead) {
  HistoryStore::open(path_)->write(sample_record(1, 10));
  const auto an_hour_ago = std::filesystem::last_write_time(path_) - std::chrono::hours(1);
  std::filesystem::last_write_time(path_, an_hour_ago);
  const auto write_one_more = [&](const Observation&) {
    HistoryStore::open(path_)->write(sample_record(2, 20, 2));
  };
  EXPECT_EQ(error_of([&] { HistoryReader(path_).for_each("run-a", write_one_more); }),
            path_.string() + ": cannot read: was written to meanwhile: read it again");
  EXPECT_THAT(stored(), ElementsAre("1.1", "2.2"));
}

TEST_F(HistoryStoreFailureTest, SaysSoInOneLineWhateverThePath) {
  path_ = folder_ / "a\n\x1b\xff";
  const std::string start = folder_.string() + "/a\\x0a\\x1b\\xff: cannot open: ";
  EXPECT_THAT(error_of([&] { HistoryReader reader(path_); }), StartsWith(start));
}

TEST_F(HistoryStoreFailureTest, ReportsDamagedRowsAndMissingFiles) {
  EXPECT_THAT(error_of([&] { HistoryReader reader(path_); }),
              StartsWith(path_.string() + ": cannot open: "));
  EXPECT_FALSE(std::filesystem::exists(path_));
  HistoryStore::open(path_)->write(sample_record(1, 10));
  run_sql("UPDATE observations SET observation = 'damaged', tracker = 'damaged'");
  const auto error = AllOf(StartsWith(path_.string() + ": cannot read: "), HasSubstr("damaged"));
  EXPECT_THAT(error_of([&] { stored(); }), error);
  EXPECT_THAT(error_of([&] { HistoryStore::open(path_)->last_known("run-a"); }), error);
  EXPECT_THAT(error_of([&] { HistoryStore::open(path_)->state_before("run-a", 11); }), error);
}

/// Writes records until it is killed, and tells each sequence number once it is committed.
[[noreturn]] void write_until_killed(const std::filesystem::path& path, int pipe) {
  const auto store = HistoryStore::open(path);
  const auto known = store->last_known("run-a");
  const std::int64_t attempt = known ? known->attempt + 1 : 1;
  for (std::int64_t sequence = known ? known->sequence + 1 : 1;; ++sequence) {
    store->write(sample_record(sequence, sequence, attempt));
    if (::write(pipe, &sequence, sizeof sequence) != sizeof sequence) _exit(1);
  }
}

TEST_F(HistoryStoreFailureTest, HoldsAllThatWasCommittedBeforeAKill) {
  std::int64_t reported = 0;
  for (int round = 1; round <= 5; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      write_until_killed(path_, ends[1]);
    }
    close(ends[1]);
    std::int64_t sequence = 0;
    for (int i = 0; i < 10 * round; ++i) {
      ASSERT_EQ(read(ends[0], &sequence, sizeof sequence), sizeof sequence);
    }
    ASSERT_EQ(kill(child, SIGKILL), 0);
    while (read(ends[0], &sequence, sizeof sequence) == sizeof sequence) continue;
    close(ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    ASSERT_GT(sequence, reported);
    reported = sequence;

    const auto known = HistoryStore::open(path_)->last_known("run-a");
    ASSERT_TRUE(known);
    EXPECT_EQ(known->attempt, round);
    EXPECT_GE(known->sequence, reported);
    EXPECT_LE(known->sequence, reported + 1) << "committed, but killed before it could say so";
    std::int64_t count = 0;
    HistoryReader(path_).for_each(
        "run-a", [&](const Observation& observation) { EXPECT_EQ(observation.sequence, ++count); });
    EXPECT_EQ(count, known->sequence);
  }
}

}  // namespace
}  // namespace azimuth::testing
