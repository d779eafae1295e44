#include "terminal/format_text.h"

#include "azimuth/utf8.h"

namespace azimuth::cli {

std::string right(const std::string& cell, std::size_t width) {
  return std::string(width - std::min(width, utf8_characters(cell)), ' ') + cell;
}

std::string left(const std::string& cell, std::size_t width) {
  return cell + std::string(width - std::min(width, utf8_characters(cell)), ' ');
}

}  // namespace azimuth::cli
