#include "schema.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "azimuth/file_error.h"

namespace azimuth {
namespace {

constexpr std::int64_t kVersion = 3;

/// Marks an SQLite file as a history: "azim" in ASCII.
constexpr std::int64_t kApplicationId = 0x617A696D;

// The order of the primary key is that in which a run is read, and backwards that in which the
// state to go on from is looked for. The second index finds a step.
constexpr const char* kVersion1 = R"sql(
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

constexpr const char* kVersion2 = R"sql(
CREATE TABLE failed_snapshots (
  run TEXT NOT NULL REFERENCES runs (run),
  attempt INTEGER NOT NULL,
  step INTEGER NOT NULL,
  time REAL NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (run, attempt, time, step)
);
CREATE TABLE losses (  -- at the run's end
  run TEXT NOT NULL REFERENCES runs (run),
  exporter TEXT NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (run, exporter)
);
ALTER TABLE runs ADD COLUMN host TEXT;    -- of the process that has recorded it last
ALTER TABLE runs ADD COLUMN pid INTEGER;
PRAGMA user_version = 2;
)sql";

// The index finds the link of a record.
constexpr const char* kVersion3 = R"sql(
CREATE TABLE links (  -- of each record of a run, in the order in which they were written
  run TEXT NOT NULL REFERENCES runs (run),
  number INTEGER NOT NULL,  -- from 1
  kind TEXT NOT NULL,       -- earlier, base, observation, failed_snapshot or end
  attempt INTEGER,
  sequence INTEGER,
  step INTEGER,
  time REAL,
  record TEXT NOT NULL,  -- SHA-256 over all columns of the record
  hash TEXT NOT NULL,    -- SHA-256 over the hash before and the columns above
  PRIMARY KEY (run, number)
);
CREATE INDEX links_by_record ON links (run, kind, attempt, sequence, step, time);
PRAGMA user_version = 3;
)sql";

/// Views and virtual tables could run for ever.
bool has_plain_tables(Database& database, std::int64_t version) {
  Statement tables(database, "cannot read", R"sql(
    SELECT count(*) FROM sqlite_master
    WHERE name IN ('runs', 'observations', 'failed_snapshots', 'losses', 'links')
      AND type = 'table' AND rootpage > 0)sql");
  return tables.step() && tables.integer(0) == (version < 2 ? 2 : version < 3 ? 4 : 5);
}

/// Of the history's schema; 0 of an empty file. Throws if it is anything else.
std::int64_t version_of(Database& database) {
  const std::int64_t version = database.pragma("user_version");
  const std::int64_t application_id = database.pragma("application_id");
  if (application_id == kApplicationId) {
    if (version > kVersion) {
      database.fail("cannot open", "schema version " + std::to_string(version) +
                                       " is newer than this program's, " +
                                       std::to_string(kVersion));
    }
    if (version < 1 || !has_plain_tables(database, version)) {
      database.fail("cannot open", "an Azimuth history without its tables");
    }
    return version;
  }
  Statement tables(database, "cannot read", "SELECT 1 FROM sqlite_master");
  if (application_id != 0 || version != 0 || tables.step()) {
    database.fail("cannot open", "an SQLite file, but not an Azimuth history");
  }
  return 0;
}

void use_write_ahead_log(Database& database) {
  constexpr std::string_view what = "cannot switch to write-ahead logging";
  Statement mode(database, what, "PRAGMA journal_mode = WAL");
  if (!mode.step() || mode.text(0) != "wal") {
    database.fail(what, "not supported where this file lies");
  }
}

/// Whether nobody has the file open for writing, and nobody who had was killed: the last one that
/// closes it removes its write-ahead log, and all there is lies in the file itself.
bool is_at_rest(const std::string& path) {
  std::error_code error;
  return std::filesystem::status(path + "-wal", error).type() ==
         std::filesystem::file_type::not_found;
}

/// SQLite reads the part of a last page that is missing as zeros. Only of a file at rest: one that
/// is written to may still grow.
void check_size(Database& database, const std::string& path) {
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));
  if (size < database.pragma("page_count") * database.pragma("page_size")) {
    database.fail("cannot read", "its end is missing");
  }
}

/// https://sqlite.org/fileformat.html: byte 18 of a file in write-ahead mode is 2.
bool is_in_write_ahead_mode(const std::string& path) {
  std::array<char, 20> header = {};
  std::ifstream(path, std::ios::binary).read(header.data(), header.size());
  return header[18] == 2;
}

std::string log_of(const std::string& path) {
  return std::filesystem::path(path).filename().string() + "-wal";
}

bool can_write(const std::string& path) {
  return faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
}

/// Why a file whose write-ahead log lies beside it could not be opened, where that is its folder's
/// fault: SQLite keeps an index of the log there (https://sqlite.org/wal.html#read_only_databases).
void explain_closed_folder(Database& database, const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  if (sqlite3_errcode(database.get()) != SQLITE_CANTOPEN || can_write(folder)) return;
  database.fail("cannot open",
                "its newest rows are in " + log_of(path) +
                    ", which can be read only in a folder that can be written to: copy both files "
                    "to one, or wait until the run has ended");
}

/// Why a file cannot be opened for writing, as errno says it; 0: nothing is in the way now. SQLite
/// tells why reading failed, which it tries in the end. Opens nothing but a file of its own:
/// closing the history would release the locks that SQLite holds on it for others in this process.
int obstacle(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::directory) return EISDIR;
  if (std::filesystem::exists(status)) {
    const std::string folder = std::filesystem::path(path).parent_path();
    return can_write(path) && can_write(folder) ? 0 : errno;
  }
  std::string beside = path + "-XXXXXX";
  const int file = mkostemp(beside.data(), O_CLOEXEC);
  if (file < 0) return errno;
  ::close(file);
  ::unlink(beside.c_str());
  return 0;
}

bool is_permanent(int error) {
  constexpr std::array permanent = {ENOENT, ENOTDIR, EISDIR, EROFS,
                                    EACCES, EPERM,   ELOOP,  ENAMETOOLONG};
  return std::ranges::find(permanent, error) != permanent.end();
}

void upgrade(Database& database) {
  Transaction transaction(database);
  const std::int64_t version = version_of(database);  // another process may have been faster
  if (version < 1) database.execute(kVersion1, "cannot create");
  if (version < 2) database.execute(kVersion2, "cannot create");
  if (version < 3) database.execute(kVersion3, "cannot create");
  transaction.commit();
}

std::unique_ptr<Database> open_or_create(const std::string& path) {
  auto database = std::make_unique<Database>(path, Database::Access::write);
  const std::int64_t version = version_of(*database);
  use_write_ahead_log(*database);
  // Each commit is on the disk before it returns: without this a loss of power takes the last ones.
  database->execute("PRAGMA synchronous = FULL", "cannot open");
  if (version < kVersion) upgrade(*database);
  return database;
}

}  // namespace

std::unique_ptr<Database> open_for_writing(const std::string& path) {
  try {
    return open_or_create(path);
  } catch (const PermanentFileError&) {
    throw;
  } catch (const FileError&) {
    const int error = obstacle(path);
    if (error == 0) throw;
    const std::string why = std::generic_category().message(error);
    if (is_permanent(error)) throw PermanentFileError(path, "cannot open", why);
    throw FileError(path, "cannot open", why);
  }
}

std::unique_ptr<Database> open_for_reading(const std::string& path) {
  const auto access = is_at_rest(path) ? Database::Access::read_at_rest : Database::Access::read;
  auto database = std::make_unique<Database>(path, access);
  bool is_empty = false;
  try {
    is_empty = version_of(*database) == 0;
  } catch (const FileError&) {
    if (access == Database::Access::read) explain_closed_folder(*database, path);
    throw;
  }
  if (is_empty && access == Database::Access::read_at_rest && is_in_write_ahead_mode(path)) {
    database->fail("cannot open", "it is empty, as a store is while all its rows are in " +
                                      log_of(path) +
                                      ", which is not beside it: copy both files, or wait until "
                                      "the run has ended");
  }
  if (is_empty) database->fail("cannot open", "an empty file, not an Azimuth history");
  if (access == Database::Access::read_at_rest) check_size(*database, path);
  return database;
}

}  // namespace azimuth
