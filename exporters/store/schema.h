#pragma once

#include <memory>
#include <string>

#include "database.h"

namespace azimuth {

/// Opens a history for writing; makes it if the file is missing or empty, and brings an older one
/// to the newest version. Throws a PermanentFileError if the file is something else, was made by a
/// newer version, or lies where nothing can be written; a FileError where it may be otherwise
/// later.
std::unique_ptr<Database> open_for_writing(const std::string& path);

/// Opens a history for reading what it holds now: one that was at rest does not see what is written
/// later. Throws as above, and if the file is missing.
std::unique_ptr<Database> open_for_reading(const std::string& path);

}  // namespace azimuth
