#include "azimuth/file_error.h"

#include "azimuth/utf8.h"

namespace azimuth {

FileError::FileError(const std::filesystem::path& file, std::string_view what, std::string_view why)
    : std::runtime_error(escaped_text(file.native(), 4096) + ": " + escaped_text(what, 120) + ": " +
                         escaped_text(why, 1000)) {}

}  // namespace azimuth
