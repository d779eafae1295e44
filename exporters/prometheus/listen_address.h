#pragma once

#include <string_view>

namespace azimuth {

/// Throws std::invalid_argument unless `address` is "host:port" or "[IPv6 address]:port".
void check_listen_address(std::string_view address);

}  // namespace azimuth
