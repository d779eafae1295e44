#include "database.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "azimuth/file_error.h"
#include "azimuth/hexadecimal.h"

namespace azimuth {
namespace {

/// How long a connection waits for another one that writes.
constexpr int kBusyMilliseconds = 5000;

int flags_of(Database::Access access) {
  if (access == Database::Access::write) return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  return SQLITE_OPEN_READONLY | (access == Database::Access::read ? 0 : SQLITE_OPEN_URI);
}

/// https://sqlite.org/uri.html: "immutable" is how a database in write-ahead mode is read from a
/// place that cannot be written to (https://sqlite.org/wal.html#read_only_databases).
std::string immutable_uri(std::string_view path) {
  std::string uri = "file://";
  for (const char c : path) {
    const std::string_view byte(&c, 1);
    uri += c == '%' || c == '?' || c == '#' ? "%" + hexadecimal(byte) : std::string(byte);
  }
  return uri + "?immutable=1";
}

}  // namespace

Database::Database(std::string path, Access access)
    : path_(std::move(path)), access_(access), written_(written()) {
  const std::string name = access == Access::read_at_rest ? immutable_uri(path_) : path_;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags_of(access), nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail("cannot open");
  if (access == Access::write && sqlite3_db_readonly(handle, "main") == 1) {
    throw FileError(path_, "cannot open", "it cannot be written to");
  }
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
}

void Database::execute(const char* sql, std::string_view what) {
  if (sqlite3_exec(get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(what);
}

std::int64_t Database::pragma(const std::string& name) {
  Statement statement(*this, "cannot read", ("PRAGMA " + name).c_str());
  return statement.step() ? statement.integer(0) : 0;
}

void Database::fail(std::string_view what, std::string_view why) const {
  throw PermanentFileError(path_, what, why);
}

std::filesystem::file_time_type Database::written() const {
  std::error_code error;
  return std::filesystem::last_write_time(path_, error);
}

void Database::check_rest() const {
  if (access_ == Access::read_at_rest && written() != written_) {
    throw FileError(path_, "cannot read", "was written to meanwhile: read it again");
  }
}

void Database::fail(std::string_view what) const {
  std::string why = sqlite3_errmsg(get());
  const int code = sqlite3_errcode(get());
  const int system_code = sqlite3_system_errno(get());
  if ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && system_code != 0) {
    why += " (" + std::generic_category().message(system_code) + ")";
  }
  const bool has_no_locks = system_code == EOPNOTSUPP || system_code == ENOSYS;
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT || has_no_locks) fail(what, why);
  throw FileError(path_, what, why);
}

Statement::Statement(Database& database, std::string_view what, const char* sql)
    : database_(database), what_(what) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v2(database.get(), sql, -1, &handle, nullptr);
  handle_.reset(handle);
  check(code);
}

Statement& Statement::text(int parameter, std::string_view value) {
  check(sqlite3_bind_text64(handle_.get(), parameter, value.data(), value.size(), SQLITE_STATIC,
                            SQLITE_UTF8));
  return *this;
}

Statement& Statement::blob(int parameter, std::string_view value) {
  check(sqlite3_bind_blob64(handle_.get(), parameter, value.data(), value.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::integer(int parameter, std::int64_t value) {
  check(sqlite3_bind_int64(handle_.get(), parameter, value));
  return *this;
}

Statement& Statement::real(int parameter, double value) {
  check(sqlite3_bind_double(handle_.get(), parameter, value));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) check(code);
  return false;
}

int Statement::columns() const { return sqlite3_column_count(handle_.get()); }

int Statement::type(int column) const { return sqlite3_column_type(handle_.get(), column); }

bool Statement::is_null(int column) const { return type(column) == SQLITE_NULL; }

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}

double Statement::real(int column) const { return sqlite3_column_double(handle_.get(), column); }

std::string Statement::text(int column) const { return std::string(blob(column)); }

std::string_view Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(handle_.get(), column);
  const int size = sqlite3_column_bytes(handle_.get(), column);
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) database_.fail(what_);
}

Transaction::Transaction(Database& database) : database_(database) {
  database.execute("BEGIN IMMEDIATE", "cannot begin to write");
}

Transaction::~Transaction() {
  if (sqlite3_get_autocommit(database_.get()) == 0) {
    sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Transaction::commit() { database_.execute("COMMIT", "cannot write"); }

}  // namespace azimuth
