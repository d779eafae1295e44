#include "azimuth/listen_address.h"

#include <arpa/inet.h>

#include <charconv>
#include <stdexcept>
#include <string>
#include <string_view>

namespace azimuth {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kHostCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

bool consists_of(const std::string& text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string::npos;
}

bool is_host(const std::string& text) {
  in_addr address;
  // A name that could only be a number has to be one.
  if (consists_of(text, "0123456789.")) return inet_pton(AF_INET, text.c_str(), &address) == 1;
  return consists_of(text, kHostCharacters) && text.front() != '-';
}

bool is_ipv6(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

}  // namespace

ListenAddress ListenAddress::parse(const std::string& text) {
  const auto malformed = [&](const char* why) {
    return std::invalid_argument("\"" + text +
                                 "\" is not an address, HOST:PORT or [IPv6]:PORT: " + why);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw malformed("the port is missing");

  const std::string port = text.substr(colon + 1);
  int number = -1;
  if (!consists_of(port, kDigits) || port.size() > 5 ||
      std::from_chars(port.data(), port.data() + port.size(), number).ec != std::errc() ||
      number > 65535)
    throw malformed("the port is not a number from 0 to 65535");

  std::string host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed ? !is_ipv6(host) : !is_host(host)) throw malformed("the host is not valid");
  return {host, number};
}

}  // namespace azimuth
