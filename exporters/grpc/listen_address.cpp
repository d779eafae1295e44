#include "listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

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
  return consists_of(text, kHostCharacters);
}

bool is_ipv6(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

/// 0, or why binding fails.
int try_to_bind(const addrinfo& address) {
  const int socket = ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return errno;
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const int error = ::bind(socket, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  ::close(socket);
  return error;
}

}  // namespace

ListenAddress ListenAddress::parse(const std::string& text) {
  const auto malformed = [&](const char* why) {
    return std::invalid_argument("\"" + text + "\" is not an address like 127.0.0.1:50051: " + why);
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

void require_free(const ListenAddress& address) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failure != 0) throw std::runtime_error(::gai_strerror(failure));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);

  // That a machine lacks one of the two IP versions is no fault, as long as it has the other.
  int lacking = 0;
  bool bindable = false;
  for (const addrinfo* item = found; item != nullptr; item = item->ai_next) {
    const int error = try_to_bind(*item);
    if (error == 0)
      bindable = true;
    else if (error == EADDRNOTAVAIL || error == EAFNOSUPPORT)
      lacking = error;
    else
      throw std::runtime_error(std::generic_category().message(error));
  }
  if (!bindable) throw std::runtime_error(std::generic_category().message(lacking));
}

}  // namespace azimuth
