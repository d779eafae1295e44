#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "database.h"

namespace azimuth {

/// One run of a store, for this process alone: as long as this object lives, unless the process
/// ends before, in whatever way. It is SQLite's own lock on a file beside the store, so that there
/// is one wherever a store can be; the file is empty, and removed with the object.
class RunLock {
 public:
  /// Null: somebody holds it. Throws a FileError.
  static std::unique_ptr<RunLock> try_take(const std::string& store, std::string_view run);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  explicit RunLock(std::string path);
  bool take();
  bool is_of_its_path() const;

  const std::string path_;
  Database database_;
  bool taken_ = false;
};

}  // namespace azimuth
