#pragma once

#include <string>

namespace azimuth {

/// HOST:PORT, or [IPV6]:PORT.
struct ListenAddress {
  std::string host;
  int port = 0;

  /// Throws std::invalid_argument, naming the text, if it is malformed.
  static ListenAddress parse(const std::string& text);
};

/// Throws std::runtime_error, with the system's reason, if the port cannot be bound now. gRPC by
/// itself is content with one of several addresses of a name, and writes to standard error
/// otherwise.
void require_free(const ListenAddress& address);

}  // namespace azimuth
