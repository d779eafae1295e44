#pragma once

#include <filesystem>
#include <string_view>

namespace azimuth {

/// Whether a file's first bytes are `magic`: how formats are told apart, whatever a file is called.
/// False if it is not a regular file or cannot be read. Throws nothing but std::bad_alloc.
bool begins_with(const std::filesystem::path& file, std::string_view magic);

}  // namespace azimuth
