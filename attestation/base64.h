#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace azimuth {

/// RFC 4648, section 4: the standard alphabet, padded, on one line.
std::string base64(std::string_view bytes);

/// The bytes that base64() writes as exactly this text; nothing where there are none. OpenSSL's
/// decoder takes more.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace azimuth
