#include "azimuth/file_error.h"

#include <string>

#include "azimuth/utf8.h"

namespace azimuth {
namespace {

std::string printable(std::string_view text, std::size_t limit) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    if (result.size() >= limit) return result + "...";
    const std::size_t length = utf8_length(text.substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      constexpr char kDigits[] = "0123456789abcdef";
      result += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
      ++i;
    } else {
      result += text.substr(i, length);
      i += length;
    }
  }
  return result;
}

}  // namespace

FileError::FileError(const std::filesystem::path& file, std::string_view what, std::string_view why)
    : std::runtime_error(printable(file.native(), 4096) + ": " + printable(what, 120) + ": " +
                         printable(why, 1000)) {}

}  // namespace azimuth
