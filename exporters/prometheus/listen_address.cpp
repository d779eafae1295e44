#include "listen_address.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <string>

namespace azimuth {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_host(std::string_view host) {
  return !host.empty() && host.front() != '-' && std::ranges::all_of(host, [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_';
  });
}

bool is_ipv6(std::string_view host) {
  return std::ranges::count(host, ':') >= 2 && std::ranges::all_of(host, [](char c) {
           return std::string_view("0123456789abcdefABCDEF:.").find(c) != std::string_view::npos;
         });
}

bool is_port(std::string_view port) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(port.begin(), port.end(), value);
  return error == std::errc() && end == port.end() && value <= 65535;
}

}  // namespace

void check_listen_address(std::string_view address) {
  // Strict, because the web server would read more into it: several ports, encryption, redirects.
  const auto colon = address.rfind(':');
  bool well_formed = false;
  if (colon != std::string_view::npos && is_port(address.substr(colon + 1))) {
    const auto host = address.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    well_formed = bracketed ? is_ipv6(host.substr(1, host.size() - 2)) : is_host(host);
  }
  if (!well_formed) {
    throw std::invalid_argument("Prometheus exporter: malformed address \"" + std::string(address) +
                                "\": expected host:port or [IPv6 address]:port");
  }
}

}  // namespace azimuth
