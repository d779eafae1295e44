#pragma once

#include <string>

namespace azimuth {

/// HOST:PORT, or [IPV6]:PORT, of a server. Strict, because servers would read more into a text: a
/// list of ports, encryption, the path of a socket.
struct ListenAddress {
  std::string host;  ///< without brackets
  int port = 0;      ///< 0 to 65535

  /// Throws std::invalid_argument, naming the text and the reason, if it is malformed.
  static ListenAddress parse(const std::string& text);
};

}  // namespace azimuth
