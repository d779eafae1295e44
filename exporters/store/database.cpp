#include "database.h"

#include <stdexcept>
#include <system_error>
#include <utility>

namespace azimuth {
namespace {

/// How long a connection waits for another one that writes.
constexpr int kBusyMilliseconds = 5000;

}  // namespace

Database::Database(std::string path, Access access) : path_(std::move(path)) {
  const int flags =
      access == Access::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path_.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail("cannot open");
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
  throw std::runtime_error(path_ + ": " + std::string(what) + ": " + std::string(why));
}

void Database::fail(std::string_view what) const {
  std::string why = sqlite3_errmsg(get());
  const int code = sqlite3_errcode(get());
  const int system_code = sqlite3_system_errno(get());
  if ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && system_code != 0) {
    why += " (" + std::generic_category().message(system_code) + ")";
  }
  fail(what, why);
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

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

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
