#pragma once

#include <string>
#include <string_view>

namespace azimuth::pictures {

/// `text` as it may stand in XML and HTML, between tags or in a quoted attribute: what XML does not
/// allow, and what is not UTF-8, becomes U+FFFD.
///
///     page += "<h1>" + azimuth::pictures::escaped(observation.run) + "</h1>";
std::string escaped(std::string_view text);

}  // namespace azimuth::pictures
