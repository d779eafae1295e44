#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "azimuth/file_error.h"

namespace azimuth {

/// A FileError that no later attempt at the same file gets round.
class PermanentFileError : public FileError {
 public:
  using FileError::FileError;
};

/// One connection to an SQLite file. Every error is a FileError.
class Database {
 public:
  /// `read_at_rest` is for a file that nobody has open for writing: it takes no locks and puts no
  /// file beside it, so that its folder may be one that cannot be written to.
  enum class Access { read, read_at_rest, write };

  /// For writing, the file is made if it is missing.
  Database(std::string path, Access access);

  void execute(const char* sql, std::string_view what);
  std::int64_t pragma(const std::string& name);
  /// Because of what is in the file: throws a PermanentFileError.
  [[noreturn]] void fail(std::string_view what, std::string_view why) const;
  /// With SQLite's reason for the failure of the last call.
  [[noreturn]] void fail(std::string_view what) const;

  /// Of a file that was at rest: throws if somebody has written to it since it was opened, since
  /// what was read may then be half old and half new.
  void check_rest() const;

  /// Rows that the last statement to write has added or changed.
  int changes() const { return sqlite3_changes(get()); }

  sqlite3* get() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };

  std::filesystem::file_time_type written() const;

  std::string path_;
  Access access_;
  std::filesystem::file_time_type written_;  ///< last, when it was opened
  std::unique_ptr<sqlite3, Close> handle_;
};

/// One statement with its parameters, counted from 1, and the columns of its row, from 0. Texts and
/// blobs must outlive the last `step`.
class Statement {
 public:
  Statement(Database& database, std::string_view what, const char* sql);

  Statement& text(int parameter, std::string_view value);
  Statement& blob(int parameter, std::string_view value);
  Statement& integer(int parameter, std::int64_t value);
  Statement& real(int parameter, double value);

  /// False: no more rows.
  bool step();

  int columns() const;
  int type(int column) const;  ///< SQLITE_INTEGER, SQLITE_TEXT, ...
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  /// Valid until the next `step`.
  std::string_view blob(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  void check(int code) const;

  Database& database_;
  std::string_view what_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

/// Rolls back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& database_;
};

}  // namespace azimuth
