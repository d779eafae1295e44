#pragma once

#include <filesystem>
#include <string_view>

namespace azimuth {

/// Writes a file whole or not at all: beside `file`, then renamed to it, so that whoever reads it
/// sees the old bytes or the new ones. A link stays, and what it leads to is replaced; what is not
/// a regular file (a terminal, a pipe) is written to. Throws FileError.
void replace_file(const std::filesystem::path& file, std::string_view bytes);

}  // namespace azimuth
