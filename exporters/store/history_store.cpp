#include "azimuth/history_store.h"

#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "azimuth/clock.h"
#include "azimuth/utf8.h"
#include "chain.h"
#include "run_lock.h"
#include "schema.h"
#include "stored_message.h"

namespace azimuth {
namespace {

constexpr std::size_t kLongestReason = 1000;

/// Absolute, since the file is opened later, when the working directory may be another one.
std::string checked(const std::filesystem::path& path) {
  if (path.empty()) throw std::invalid_argument("history store: the path is empty");
  return std::filesystem::absolute(path).string();
}

void store_run(Database& database, const std::string& run) {
  begin_chain(database, run);
  Statement(database, "cannot write", "INSERT INTO runs (run) VALUES (?) ON CONFLICT DO NOTHING")
      .text(1, run)
      .step();
}

/// Of what was written just now, unless it was there before: the run goes on, and has not ended.
void link_new(Database& database, const std::string& run, const Link& link) {
  if (database.changes() == 0) return;
  add_link(database, run, link);
  Statement(database, "cannot write", "UPDATE runs SET ended_at = NULL WHERE run = ?")
      .text(1, run)
      .step();
}

void store_base(Database& database, const Record& record) {
  if (record.base == nullptr) return;
  const std::string& run = record.observation.run;
  Statement missing(database, "cannot read", "SELECT 1 FROM runs WHERE run = ? AND base IS NULL");
  if (!missing.text(1, run).step()) return;
  const std::string base = to_proto(*record.base).SerializeAsString();
  Statement(database, "cannot write", "UPDATE runs SET base = ? WHERE run = ?")
      .blob(1, base)
      .text(2, run)
      .step();
  link_new(database, run, {std::string(link_kind::base)});
}

void store_observation(Database& database, const Observation& o, const TrackerState& state) {
  const std::string observation = to_proto(o).SerializeAsString();
  const std::string tracker = to_proto(state).SerializeAsString();
  Statement(database, "cannot write", R"sql(
    INSERT INTO observations (run, attempt, sequence, step, time, state, observation, tracker)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING)sql")
      .text(1, o.run)
      .integer(2, o.attempt)
      .integer(3, o.sequence)
      .integer(4, o.step)
      .real(5, o.time)
      .text(6, name_of(o.state))
      .blob(7, observation)
      .blob(8, tracker)
      .step();
  link_new(database, o.run,
           {std::string(link_kind::observation), o.attempt, o.sequence, o.step, o.time});
}

void store_losses(Database& database, const MonitorStatus& status) {
  Statement(database, "cannot write", "DELETE FROM losses WHERE run = ?")
      .text(1, status.run)
      .step();
  for (const auto& exporter : status.exporters) {
    if (exporter.dropped == 0) continue;
    // Of several exporters of one name, the sum.
    Statement(database, "cannot write", R"sql(
      INSERT INTO losses (run, exporter, records) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET records = records + excluded.records)sql")
        .text(1, status.run)
        .text(2, exporter.name)
        .integer(3, static_cast<std::int64_t>(exporter.dropped))
        .step();
  }
}

void store_owner(Database& database, std::string_view run) {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  Statement(database, "cannot write", R"sql(
    INSERT INTO runs (run, host, pid) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET host = excluded.host, pid = excluded.pid)sql")
      .text(1, run)
      .text(2, host)
      .integer(3, getpid())
      .step();
}

/// In words, with what to do about it.
std::string who_records(Database& database, std::string_view run) {
  std::string who = "another process";
  Statement owner(database, "cannot read",
                  "SELECT host, pid FROM runs WHERE run = ? AND host IS NOT NULL");
  if (owner.text(1, run).step()) {
    who = "process " + std::to_string(owner.integer(1)) + " on host " + owner.text(0);
  }
  return who + " is recording it: give this run another name, or end that process first";
}

}  // namespace

std::shared_ptr<HistoryStore> HistoryStore::open(const std::filesystem::path& path) {
  return std::make_shared<HistoryStore>(path);
}

HistoryStore::HistoryStore(const std::filesystem::path& path) : path_(checked(path)) {}

HistoryStore::~HistoryStore() = default;

void HistoryStore::claim(std::string_view run) {
  Lock lock(mutex_);
  try {
    take_lock(run);
  } catch (const FileError&) {  // `open` will say so
    database_.reset();
  }
}

void HistoryStore::take_lock(std::string_view run) {
  if (lock_ != nullptr) return;
  Database& database = this->database();
  lock_ = RunLock::try_take(path_, run);
  if (lock_ == nullptr) {
    throw RunInUse(FileError(path_, "run " + std::string(run), who_records(database, run)).what());
  }
  store_owner(database, run);
}

void HistoryStore::open(StatusSource status) {
  Lock lock(mutex_);
  status_ = std::move(status);
  try {
    take_lock(status_().run);
  } catch (const PermanentFileError& error) {
    throw ExporterUnusable(error.what());
  }
}

void HistoryStore::write(const Record& record) {
  write_in_transaction([&](Database& database) AZIMUTH_REQUIRES(mutex_) {
    const Observation& o = record.observation;
    const std::int64_t shift = attempt_shift(database, o.run, o.attempt);
    store_run(database, o.run);
    store_base(database, record);
    if (shift == 0) {
      store_observation(database, o, record.tracker);
    } else {
      Observation shifted = o;
      shifted.attempt += shift;
      store_observation(database, shifted, record.tracker);
    }
  });
}

void HistoryStore::write_failure(const FailedSnapshot& failure) {
  write_in_transaction([&](Database& database) AZIMUTH_REQUIRES(mutex_) {
    const std::int64_t shift = attempt_shift(database, failure.run, failure.attempt);
    store_run(database, failure.run);
    const std::string reason = escaped_text(failure.reason, kLongestReason);
    const std::int64_t attempt = failure.attempt + shift;
    Statement(database, "cannot write", R"sql(
      INSERT INTO failed_snapshots (run, attempt, step, time, reason) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO NOTHING)sql")
        .text(1, failure.run)
        .integer(2, attempt)
        .integer(3, failure.step)
        .real(4, failure.time)
        .text(5, reason)
        .step();
    link_new(database, failure.run,
             {std::string(link_kind::failed_snapshot), attempt, {}, failure.step, failure.time});
  });
}

void HistoryStore::end_run(std::chrono::steady_clock::time_point) {
  write_in_transaction([&](Database& database) AZIMUTH_REQUIRES(mutex_) {
    const MonitorStatus status = status_();
    const double now = Clock().unix_seconds();
    begin_chain(database, status.run);
    Statement(database, "cannot write", "UPDATE runs SET ended_at = ? WHERE run = ?")
        .real(1, now)
        .text(2, status.run)
        .step();
    store_losses(database, status);
    add_link(database, status.run, {std::string(link_kind::end), {}, {}, {}, now});
  });
  Lock lock(mutex_);
  lock_.reset();
}

void HistoryStore::write_in_transaction(const std::function<void(Database&)>& write) {
  Lock lock(mutex_);
  try {
    Database& database = this->database();
    Transaction transaction(database);
    write(database);
    transaction.commit();
  } catch (...) {
    // What a failed connection still believes about the file may be wrong: the next attempt opens
    // a new one.
    database_.reset();
    throw;
  }
}

std::int64_t HistoryStore::attempt_shift(Database& database, const std::string& run,
                                         std::int64_t attempt) {
  const auto known = attempt_shifts_.find(run);
  if (known != attempt_shifts_.end()) return known->second;
  Statement largest(database, "cannot read", "SELECT max(attempt) FROM observations WHERE run = ?");
  largest.text(1, run).step();
  const bool any = !largest.is_null(0);
  const std::int64_t shift = any ? std::max<std::int64_t>(0, largest.integer(0) + 1 - attempt) : 0;
  // Kept whatever becomes of the transaction: if its commit happened, the next attempt finds rows
  // of its own.
  attempt_shifts_.emplace(run, shift);
  return shift;
}

std::optional<RunHistory::LastKnown> HistoryStore::last_known(std::string_view run) {
  Lock lock(mutex_);
  Database& database = this->database();
  Statement newest(database, "cannot read", R"sql(
    SELECT attempt, (SELECT max(sequence) FROM observations WHERE run = ?1), step, observation, base
    FROM observations JOIN runs USING (run) WHERE run = ?1
    ORDER BY attempt DESC, sequence DESC LIMIT 1)sql");
  if (!newest.text(1, run).step()) return std::nullopt;
  LastKnown known;
  known.attempt = newest.integer(0);
  known.sequence = newest.integer(1);
  known.step = newest.integer(2);
  known.token_ids = from_stored<v1::Observation>(database, newest.blob(3)).probe.token_ids;
  if (!newest.is_null(4)) {
    known.base = std::make_shared<Signature>(from_stored<v1::Signature>(database, newest.blob(4)));
  }
  return known;
}

std::optional<TrackerState> HistoryStore::state_before(std::string_view run, std::int64_t step) {
  Lock lock(mutex_);
  Database& database = this->database();
  // The plus keeps SQLite from the index by step, with which it would sort all trackers before it
  // takes the first: backwards along the primary key, the first that fits is near.
  Statement newest(database, "cannot read", R"sql(
    SELECT tracker FROM observations WHERE run = ? AND +step < ?
    ORDER BY attempt DESC, sequence DESC LIMIT 1)sql");
  newest.text(1, run).integer(2, step);
  if (!newest.step()) return std::nullopt;
  return from_stored<v1::TrackerState>(database, newest.blob(0));
}

Database& HistoryStore::database() {
  if (database_ == nullptr) database_ = open_for_writing(path_);
  return *database_;
}

}  // namespace azimuth
