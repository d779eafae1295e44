#pragma once

#include <filesystem>
#include <stdexcept>
#include <string_view>

#include "azimuth/file_error.h"

namespace azimuth {

/// Runs `make`; what the core refuses is, here, something wrong with a file: its
/// std::invalid_argument becomes a FileError.
template <class Make>
auto with_file_errors(const std::filesystem::path& file, const Make& make) {
  try {
    return make();
  } catch (const std::invalid_argument& error) {
    constexpr std::string_view prefix = "azimuth: ";
    std::string_view why = error.what();
    if (why.starts_with(prefix)) why.remove_prefix(prefix.size());
    throw FileError(file, "model", why);
  }
}

}  // namespace azimuth
