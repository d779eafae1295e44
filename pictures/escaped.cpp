#include "azimuth/escaped.h"

#include "azimuth/utf8.h"

namespace azimuth::pictures {
namespace {

/// Bytes of the character that `text` begins with; 0 if there is none that XML allows.
std::size_t character_size(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x20 && first != '\t' && first != '\n' && first != '\r') return 0;
  const std::size_t size = utf8_length(text);
  const std::string_view character = text.substr(0, size);
  return character == "\uFFFE" || character == "\uFFFF" ? 0 : size;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto size = character_size(text);
    switch (size == 0 ? '\0' : text.front()) {
      case '\0':
        out += "\uFFFD";
        break;
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

}  // namespace azimuth::pictures
