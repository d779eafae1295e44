#include "terminal/printable.h"

#include <array>
#include <ctime>

#include "azimuth/utf8.h"

namespace azimuth::cli {
namespace {

constexpr double kYear10000 = 253402300800;

/// Of one character: below space, DEL, and U+0080 to U+009F, of which some terminals know U+009B.
bool is_control(std::string_view character) {
  const auto byte = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return byte < 0x20 || byte == 0x7F;
  return byte == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

}  // namespace

std::string printable(std::string_view text, std::size_t most) {
  std::string out;
  for (std::size_t count = 0; !text.empty(); ++count) {
    if (count == most) return out + "…";
    const std::size_t size = utf8_length(text);
    const std::string_view character = text.substr(0, size == 0 ? 1 : size);
    out += size == 0 || is_control(character) ? "\uFFFD" : character;
    text.remove_prefix(character.size());
  }
  return out;
}

std::string time_text(double unix_seconds) {
  if (!(unix_seconds >= 0 && unix_seconds < kYear10000)) return "-";
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm parts = {};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> out = {};
  std::strftime(out.data(), out.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return out.data();
}

}  // namespace azimuth::cli
