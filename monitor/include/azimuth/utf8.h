#pragma once

#include <cstddef>
#include <string_view>

namespace azimuth {

/// Bytes of the character at the start of `text`; 0 if it is not well-formed UTF-8 (RFC 3629: no
/// overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace azimuth
