#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "azimuth/exporter.h"
#include "azimuth/mutex.h"

namespace azimuth {

class Database;
class RunLock;

/// Keeps every observation of a run in one SQLite file, with what the run needs to go on after a
/// crash. `write` returns once the record is committed to the disk: it then survives kill -9 and a
/// loss of power. Several runs, of several processes, may share a file.
///
///     monitor.add(azimuth::HistoryStore::open("pretrain-7.azimuth"));
///
/// Each record is also a link of a chain of hashes, so that one that is changed, removed or put in
/// later is found: azimuth/history_chain.h.
///
/// A run belongs to one process at a time: `claim` refuses one that another process records, as
/// long as that lives and has not ended the run. How it ended does not matter: the kernel frees
/// what it held. Host and process are in the store for the message alone.
///
/// Read it with HistoryReader, also while it is written. The file must lie on a disk of this
/// machine, since the write-ahead log needs shared memory; `-wal`, `-shm` and `-lock-…` files
/// appear beside it while it is open and belong to it: who copies a store meanwhile copies its
/// `-wal` too.
///
/// Thread-safe. Everything but construction throws std::runtime_error, "FILE: what: why", where the
/// file cannot be opened, is not a history, was made by a newer version or does not take the
/// record. `open` throws ExporterUnusable where it never can be: a read-only file or folder, a
/// missing folder, a file that is something else.
class HistoryStore : public Exporter, public RunHistory {
 public:
  /// Touches no file yet. Throws std::invalid_argument if `path` is empty.
  static std::shared_ptr<HistoryStore> open(const std::filesystem::path& path);
  explicit HistoryStore(const std::filesystem::path& path);
  ~HistoryStore() override;

  std::string_view name() const override { return "store"; }
  /// Opens the file. A file that cannot be opened is no error here.
  void claim(std::string_view run) override;
  /// Throws RunInUse too, if the run could not be claimed before.
  void open(StatusSource status) override;
  /// One transaction. The same record again changes nothing, so that a failure whose commit may
  /// have happened can be repeated.
  ///
  /// Where the file already holds this attempt from another process (the run went on without
  /// having read its history), the records of this process are kept beside it, as the next
  /// attempts.
  void write(const Record& record) override;
  void write_failure(const FailedSnapshot& failure) override;
  /// Notes when the run ended, and what other exporters have lost. A record that comes later takes
  /// the note away.
  void end_run(std::chrono::steady_clock::time_point deadline) override;
  bool lossless() const override { return true; }
  RunHistory* history() override { return this; }

  std::optional<LastKnown> last_known(std::string_view run) override;
  std::optional<TrackerState> state_before(std::string_view run, std::int64_t step) override;

 private:
  Database& database() AZIMUTH_REQUIRES(mutex_);
  void take_lock(std::string_view run) AZIMUTH_REQUIRES(mutex_);
  /// Calls `write` within a transaction.
  void write_in_transaction(const std::function<void(Database&)>& write);
  std::int64_t attempt_shift(Database& database, const std::string& run, std::int64_t attempt)
      AZIMUTH_REQUIRES(mutex_);

  const std::string path_;
  Mutex mutex_;
  /// Null until first needed, and after a failure.
  std::unique_ptr<Database> database_ AZIMUTH_GUARDED_BY(mutex_);
  std::unique_ptr<RunLock> lock_ AZIMUTH_GUARDED_BY(mutex_);  ///< until the run has ended
  StatusSource status_ AZIMUTH_GUARDED_BY(mutex_);            ///< of the run that `end_run` ends
  /// By run: what is added to the attempts that this process writes.
  std::map<std::string, std::int64_t, std::less<>> attempt_shifts_ AZIMUTH_GUARDED_BY(mutex_);
};

}  // namespace azimuth
