#include <fcntl.h>
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

class HistoryStoreFailureTest : public StoreTest {};

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

std::string opening_error(const std::filesystem::path& path) {
  try {
    HistoryStore::open(path)->open([] { return status_of("run-a"); });
  } catch (const ExporterUnusable& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("tried again: ") + error.what();
  }
  return "no error";
}

TEST_F(HistoryStoreFailureTest, SaysWhyAFileCanNeverBeOpened) {
  std::ofstream(folder_ / "file") << "x";
  std::ofstream(folder_ / "text") << std::string(5000, 'x');
  const std::string long_name(300, 'n');
  const std::pair<std::filesystem::path, std::string> unusable[] = {
      {folder_ / "missing" / "run.azimuth", "cannot open: No such file or directory"},
      {folder_ / "file" / "run.azimuth", "cannot open: Not a directory"},
      {folder_ / long_name, "cannot open: File name too long"},
      {folder_, "cannot open: Is a directory"},
      {folder_ / "text", "cannot read: file is not a database"},
  };
  for (const auto& [path, why] : unusable) {
    EXPECT_EQ(opening_error(path), path.string() + ": " + why);
  }
}

TEST_F(HistoryStoreFailureTest, SaysThatAFolderCannotBeWrittenTo) {
  const std::string missing = folder_ / "missing.azimuth";
  const auto is_said = [&](const std::string& path) {
    const std::string error = opening_error(path);
    if (error == path + ": cannot open: Permission denied") return 0;
    std::fprintf(stderr, "%s\n", error.c_str());
    return 1;
  };
  EXPECT_EQ(without_permission(folder_, [&] { return is_said(missing); }), 0);
  HistoryStore::open(path_)->write(sample_record(1, 10));
  EXPECT_EQ(without_permission(folder_, [&] { return is_said(path_); }), 0);
  std::filesystem::permissions(path_, static_cast<std::filesystem::perms>(0444));
  EXPECT_EQ(without_permission(folder_, [&] { return is_said(path_); }), 0);
}

TEST_F(HistoryStoreFailureTest, AFullDiskIsTriedAgain) {
  const FullDisk full(100);
  EXPECT_THAT(opening_error(path_), StartsWith("tried again: " + path_.string() + ": "));
}

/// A store whose rows are all in its write-ahead log, as a young run leaves it, copied.
class CopiedStore : public HistoryStoreFailureTest {
 protected:
  void copy(const std::vector<std::string>& suffixes) const {
    const auto store = HistoryStore::open(path_);
    store->write(sample_record(1, 10));
    std::filesystem::create_directory(copied_.parent_path());
    std::filesystem::permissions(folder_, static_cast<std::filesystem::perms>(0755));
    for (const std::string& suffix : suffixes) {
      std::filesystem::copy(path_.string() + suffix, copied_.string() + suffix);
    }
  }

  const std::filesystem::path copied_ = folder_ / "copied" / "run.azimuth";
};

TEST_F(CopiedStore, WithoutItsLogSaysWhatIsMissing) {
  copy({""});
  EXPECT_EQ(
      error_of([&] { HistoryReader reader(copied_); }),
      copied_.string() +
          ": cannot open: it is empty, as a store is while all its rows are in "
          "run.azimuth-wal, which is not beside it: copy both files, or wait until the run has "
          "ended");
}

TEST_F(CopiedStore, WithItsLogWhereNothingCanBeWrittenSaysWhatToDo) {
  copy({"", "-wal"});
  const auto is_said = [&] {
    const std::string error = error_of([&] { HistoryReader reader(copied_); });
    const std::string said =
        copied_.string() +
        ": cannot open: its newest rows are in run.azimuth-wal, which can be read only in a folder "
        "that can be written to: copy both files to one, or wait until the run has ended";
    if (error != said) std::fprintf(stderr, "%s\n", error.c_str());
    return error == said ? 0 : 1;
  };
  EXPECT_EQ(without_permission(copied_.parent_path(), is_said), 0);
  EXPECT_EQ(HistoryReader(copied_).runs().size(), 1U) << "elsewhere it is read";
}

TEST_F(HistoryStoreFailureTest, AnEmptyFileIsNoHistory) {
  std::ofstream{path_};
  EXPECT_THAT(error_of([&] { HistoryReader reader(path_); }), HasSubstr("an empty file"));
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

struct HostileHistory {
  const char* name;
  std::string sql;    ///< that is let loose on a history of three observations
  std::string words;  ///< that the error says behind the file's name
};

void PrintTo(const HostileHistory& history, std::ostream* out) { *out << history.name; }

std::string newest_observation_is(const std::string& blob) {
  return "UPDATE observations SET observation = " + blob + " WHERE sequence = 3";
}

const std::string kWithoutTables = "cannot open: an Azimuth history without its tables";
const std::string kDamaged = "cannot read: damaged azimuth.v1.Observation";

const HostileHistory kHostileHistories[] = {
    {"WithoutItsTables", "DROP TABLE observations", kWithoutTables},
    {"OfAnEndlessView",
     "DROP TABLE observations; CREATE VIEW observations AS WITH RECURSIVE n(x) AS (SELECT 1 UNION "
     "ALL SELECT x FROM n) SELECT 'run-a' AS run, x AS attempt, x AS sequence, x AS step, x AS "
     "time, x AS observation, x AS tracker FROM n",
     kWithoutTables},
    {"WithoutAColumn", "DROP INDEX observations_by_step; ALTER TABLE observations DROP COLUMN step",
     "cannot read: no such column: step"},
    {"SchemaOfSeveralLines",
     "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE TABLE runs (' || "
     "char(10) || 'x y z (', name = 'ru' || char(10) || 'ns' WHERE name = 'runs'",
     "cannot read: malformed database schema (ru\\x0ans)"},
    {"RunNotUtf8",
     "UPDATE observations SET run = CAST(x'72ff0a' AS TEXT); "
     "UPDATE runs SET run = CAST(x'72ff0a' AS TEXT)",
     "cannot read: the name of a run is not UTF-8: r\\xff\\x0a"},
    {"OfAnEndlessViewOfFailures",
     "DROP TABLE failed_snapshots; CREATE VIEW failed_snapshots AS WITH RECURSIVE n(x) AS (SELECT "
     "1 UNION ALL SELECT x FROM n) SELECT 'run-a' AS run, x AS attempt, x AS step, x AS time, x AS "
     "reason FROM n",
     kWithoutTables},
    {"ReasonNotUtf8", "INSERT INTO failed_snapshots VALUES ('run-a', 1, 2, 3, CAST(x'ff' AS TEXT))",
     "cannot read: the reason of a failed snapshot is not UTF-8: \\xff"},
    {"ExporterNotUtf8",
     "UPDATE runs SET ended_at = 1; INSERT INTO losses VALUES ('run-a', CAST(x'ff' AS TEXT), 1)",
     "cannot read: the name of an exporter is not UTF-8: \\xff"},
    {"BlobOfAnythingElse", newest_observation_is("'damaged'"), kDamaged},
    {"BlobCut", newest_observation_is("substr(observation, 1, length(observation) / 2)"), kDamaged},
    {"BlobNotUtf8", newest_observation_is("x'1201ff'"), kDamaged},
    {"BlobOfTenMillionBytes", newest_observation_is("randomblob(10000000)"), kDamaged},
};

class HostileHistoryTest : public HistoryStoreFailureTest,
                           public ::testing::WithParamInterface<HostileHistory> {};

TEST_P(HostileHistoryTest, IsOneClearErrorAndNothingElse) {
  {
    const auto store = HistoryStore::open(path_);
    for (int i = 1; i <= 3; ++i) store->write(sample_record(i, 10 * i));
  }
  run_sql(GetParam().sql);
  const auto error = StartsWith(path_.string() + ": " + GetParam().words);
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(error_of([&] {
                HistoryReader reader(path_);
                for (const auto& run : reader.runs()) {
                  reader.for_each(run.run, [](const auto&) {});
                  reader.for_each_failed_snapshot(run.run, [](const auto&) {});
                }
              }),
              error);
  if (GetParam().words == kDamaged) {
    EXPECT_THAT(error_of([&] { HistoryReader(path_).at_step("run-a", 30); }), error);
    EXPECT_THAT(error_of([&] { HistoryReader(path_).signature_at_step("run-a", 30); }), error);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << "as Protobuf would write";
}

INSTANTIATE_TEST_SUITE_P(All, HostileHistoryTest, ::testing::ValuesIn(kHostileHistories),
                         [](const auto& info) { return std::string(info.param.name); });

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
