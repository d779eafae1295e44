#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

namespace azimuth::cli {

/// Untrusted `text` in a form fit to be printed: what is not UTF-8, and every control character,
/// which could steer a terminal or begin a new line, becomes U+FFFD. Of more than `most` characters
/// the rest becomes "…".
std::string printable(std::string_view text,
                      std::size_t most = std::numeric_limits<std::size_t>::max());

/// "2026-05-01 12:03:04", UTC; "-" for a time outside the years 1970 to 9999.
std::string time_text(double unix_seconds);

}  // namespace azimuth::cli
