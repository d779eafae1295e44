#include "require_free.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

namespace azimuth {
namespace {

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

void require_free(const ListenAddress& address) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failure != 0) throw std::runtime_error(::gai_strerror(failure));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);

  // A machine may lack one of the two IP versions, as long as it has the other.
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
