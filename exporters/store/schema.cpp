#include "schema.h"

namespace azimuth {
namespace {

constexpr std::int64_t kVersion = 1;

/// Marks an SQLite file as a history: "azim" in ASCII.
constexpr std::int64_t kApplicationId = 0x617A696D;

// The order of the primary key is that in which a run is read, and backwards that in which the
// state to go on from is looked for. The second index finds a step.
constexpr const char* kCreate = R"sql(
CREATE TABLE runs (
  run TEXT PRIMARY KEY NOT NULL,
  base BLOB,      -- azimuth.v1.Signature; null without a base
  ended_at REAL   -- seconds since 1970-01-01 UTC; null while the run goes on
);
CREATE TABLE observations (
  run TEXT NOT NULL REFERENCES runs (run),
  attempt INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  step INTEGER NOT NULL,
  time REAL NOT NULL,
  state TEXT NOT NULL,
  observation BLOB NOT NULL,  -- azimuth.v1.Observation
  tracker BLOB NOT NULL,      -- azimuth.v1.TrackerState
  PRIMARY KEY (run, attempt, sequence)
);
CREATE INDEX observations_by_step ON observations (run, step, attempt, sequence);
PRAGMA application_id = 1635412333;
PRAGMA user_version = 1;
)sql";

/// Whether the file is a history; false if it is empty. Throws if it is anything else.
bool is_history(Database& database) {
  const std::int64_t version = database.pragma("user_version");
  const std::int64_t application_id = database.pragma("application_id");
  if (application_id == kApplicationId) {
    if (version > kVersion) {
      database.fail("cannot open", "schema version " + std::to_string(version) +
                                       " is newer than this program's, " +
                                       std::to_string(kVersion));
    }
    return true;
  }
  Statement tables(database, "cannot read", "SELECT 1 FROM sqlite_master");
  if (application_id != 0 || version != 0 || tables.step()) {
    database.fail("cannot open", "an SQLite file, but no history of Azimuth");
  }
  return false;
}

void use_write_ahead_log(Database& database) {
  constexpr std::string_view what = "cannot switch to write-ahead logging";
  Statement mode(database, what, "PRAGMA journal_mode = WAL");
  if (!mode.step() || mode.text(0) != "wal") {
    database.fail(what, "not supported where this file lies");
  }
}

void create(Database& database) {
  Transaction transaction(database);
  // Another process may have been faster.
  if (!is_history(database)) database.execute(kCreate, "cannot create");
  transaction.commit();
}

}  // namespace

std::unique_ptr<Database> open_for_writing(const std::string& path) {
  auto database = std::make_unique<Database>(path, Database::Access::write);
  const bool exists = is_history(*database);
  use_write_ahead_log(*database);
  // Each commit is on the disk before it returns: without this a loss of power takes the last ones.
  database->execute("PRAGMA synchronous = FULL", "cannot open");
  if (!exists) create(*database);
  return database;
}

std::unique_ptr<Database> open_for_reading(const std::string& path) {
  auto database = std::make_unique<Database>(path, Database::Access::read);
  if (!is_history(*database)) database->fail("cannot open", "an empty file, no history of Azimuth");
  return database;
}

}  // namespace azimuth
