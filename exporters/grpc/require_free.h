#pragma once

#include "azimuth/listen_address.h"

namespace azimuth {

/// Throws std::runtime_error, with the system's reason, if the port cannot be bound now. gRPC by
/// itself is content with one of several addresses of a name, and writes to standard error
/// otherwise.
void require_free(const ListenAddress& address);

}  // namespace azimuth
