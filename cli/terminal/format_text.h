#pragma once

#include <algorithm>
#include <cstdio>
#include <string>

namespace azimuth::cli {

/// As printf writes it.
template <class... Arguments>
std::string text(const char* format, Arguments... arguments) {
  std::string out(512, '\0');
  const int size = std::snprintf(out.data(), out.size(), format, arguments...);
  out.resize(std::min(static_cast<std::size_t>(std::max(size, 0)), out.size() - 1));
  return out;
}

/// Filled with spaces up to `width` columns, one a character.
std::string right(const std::string& cell, std::size_t width);
std::string left(const std::string& cell, std::size_t width);

}  // namespace azimuth::cli
