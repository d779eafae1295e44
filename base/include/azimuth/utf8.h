#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace azimuth {

/// Bytes of the character at the start of `text`; 0 if it is not well-formed UTF-8 (RFC 3629: no
/// overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

/// Bytes that begin no well-formed character count as one each.
std::size_t utf8_characters(std::string_view text);

/// The first characters of `text`, at most so many.
std::string_view utf8_prefix(std::string_view text, std::size_t characters);

/// `text`, or its first characters and an ellipsis where it has more.
std::string shortened(std::string_view text, std::size_t characters);

/// Untrusted `text` in a form fit for an error message, on one line: control characters and bytes
/// that are not UTF-8 become \xNN, and "..." stands for what goes beyond `limit` bytes.
std::string escaped_text(std::string_view text, std::size_t limit);

}  // namespace azimuth
