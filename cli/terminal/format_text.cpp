#include "terminal/format_text.h"

#include "azimuth/largest_coordinates.h"
#include "azimuth/utf8.h"

namespace azimuth::cli {

std::string right(const std::string& cell, std::size_t width) {
  return std::string(width - std::min(width, utf8_characters(cell)), ' ') + cell;
}

std::string left(const std::string& cell, std::size_t width) {
  return cell + std::string(width - std::min(width, utf8_characters(cell)), ' ');
}

std::string coordinates_text(const std::vector<float>& direction) {
  std::string out;
  for (const std::size_t i : largest_coordinates(direction, 5)) {
    out += text("%s%zu: %+.3f", out.empty() ? "" : "   ", i, static_cast<double>(direction[i]));
  }
  return out;
}

}  // namespace azimuth::cli
