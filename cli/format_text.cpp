#include "format_text.h"

#include "azimuth/largest_coordinates.h"

namespace azimuth::cli {

std::size_t columns_of(std::string_view text) {
  // Continuation bytes take no room.
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string right(const std::string& cell, std::size_t width) {
  return std::string(width - std::min(width, columns_of(cell)), ' ') + cell;
}

std::string left(const std::string& cell, std::size_t width) {
  return cell + std::string(width - std::min(width, columns_of(cell)), ' ');
}

std::string coordinates_text(const std::vector<float>& direction) {
  std::string out;
  for (const std::size_t i : largest_coordinates(direction, 5)) {
    out += text("%s%zu: %+.3f", out.empty() ? "" : "   ", i, static_cast<double>(direction[i]));
  }
  return out;
}

}  // namespace azimuth::cli
