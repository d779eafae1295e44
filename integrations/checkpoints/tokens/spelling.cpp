#include "tokens/spelling.h"

#include <array>
#include <cstdint>

#include "azimuth/utf8.h"

namespace azimuth {
namespace {

constexpr int kNoByte = -1;

/// By code point, the byte that it stands for: bytes that print as Latin-1 stand for themselves,
/// and the others for the code points from 256 on, in order.
constexpr std::array<int, 324> bytes_by_code_point() {
  std::array<int, 324> bytes = {};
  for (int& byte : bytes) byte = kNoByte;
  std::size_t next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool prints =
        (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    bytes[prints ? static_cast<std::size_t>(byte) : next++] = byte;
  }
  return bytes;
}

/// Of at most two bytes of well-formed UTF-8.
std::size_t code_point(std::string_view character) {
  const auto at = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(character[i]));
  };
  return character.size() == 1 ? at(0) : (at(0) & 0x1f) << 6 | (at(1) & 0x3f);
}

}  // namespace

std::string from_byte_level(std::string_view spelling) {
  static constexpr std::array kBytes = bytes_by_code_point();
  std::string bytes;
  for (std::string_view rest = spelling; !rest.empty();) {
    const std::size_t length = utf8_length(rest);
    if (length == 0 || length > 2) return std::string(spelling);
    const std::size_t point = code_point(rest.substr(0, length));
    if (point >= kBytes.size() || kBytes[point] == kNoByte) return std::string(spelling);
    bytes.push_back(static_cast<char>(kBytes[point]));
    rest.remove_prefix(length);
  }
  return bytes;
}

std::string from_sentencepiece(std::string_view spelling) {
  constexpr std::string_view kSpace = "\xe2\x96\x81";  // ▁
  std::string text;
  for (std::size_t at = 0; at < spelling.size();) {
    const bool space = spelling.substr(at).starts_with(kSpace);
    text.push_back(space ? ' ' : spelling[at]);
    at += space ? kSpace.size() : 1;
  }
  return text;
}

std::string from_byte_piece(std::string_view spelling) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (spelling.size() != 6 || !spelling.starts_with("<0x") || spelling[5] != '>') return {};
  const std::size_t high = kDigits.find(spelling[3]);
  const std::size_t low = kDigits.find(spelling[4]);
  if (high == std::string_view::npos || low == std::string_view::npos) return {};
  return std::string(1, static_cast<char>(high << 4 | low));
}

}  // namespace azimuth
