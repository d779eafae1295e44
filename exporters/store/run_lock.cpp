#include "run_lock.h"

#include <unistd.h>

#include <utility>

#include "azimuth/sha256.h"

namespace azimuth {
namespace {

/// A run's name may be no name of a file.
std::string lock_path(const std::string& store, std::string_view run) {
  Sha256 sum;
  sum.add(run);
  return store + "-lock-" + sum.hexadecimal().substr(0, 16);
}

}  // namespace

std::unique_ptr<RunLock> RunLock::try_take(const std::string& store, std::string_view run) {
  for (;;) {
    std::unique_ptr<RunLock> lock(new RunLock(lock_path(store, run)));
    if (!lock->take()) return nullptr;
    // Between opening and locking, the last holder may have removed the file.
    if (lock->is_of_its_path()) {
      lock->taken_ = true;
      return lock;
    }
  }
}

RunLock::RunLock(std::string path)
    : path_(std::move(path)), database_(path_, Database::Access::write) {
  sqlite3_busy_timeout(database_.get(), 0);
}

RunLock::~RunLock() {
  if (taken_) ::unlink(path_.c_str());
}

bool RunLock::take() {
  // Without a journal, no file appears beside this one.
  for (const char* sql : {"PRAGMA journal_mode = OFF", "BEGIN EXCLUSIVE"}) {
    const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
    if (code == SQLITE_BUSY) return false;
    if (code != SQLITE_OK) database_.fail("cannot lock");
  }
  return true;
}

bool RunLock::is_of_its_path() const {
  int moved = 0;
  sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved == 0;
}

}  // namespace azimuth
