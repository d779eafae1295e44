#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace azimuth::testing {

/// A TCP socket of 127.0.0.1 that closes itself.
class LoopbackSocket {
 public:
  LoopbackSocket() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit = {10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  ~LoopbackSocket() { close(fd_); }
  LoopbackSocket(const LoopbackSocket&) = delete;
  LoopbackSocket& operator=(const LoopbackSocket&) = delete;

  bool connect_to(int port) {
    const auto address = loopback(port);
    return connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }

  /// Listens on a free port and returns it.
  int listen_anywhere() {
    auto address = loopback(0);
    socklen_t size = sizeof(address);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || listen(fd_, 1) != 0 ||
        getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      return 0;
    }
    return ntohs(address.sin_port);
  }

  int fd() const { return fd_; }

 private:
  static sockaddr_in loopback(int port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  int fd_;
};

struct HttpResponse {
  std::string head;
  std::string body;
};

/// The whole answer of 127.0.0.1; nothing if nobody answers.
inline std::optional<HttpResponse> http_get(int port, const std::string& path) {
  LoopbackSocket socket;
  if (!socket.connect_to(port)) return std::nullopt;
  const std::string request = "GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
  if (send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return std::nullopt;
  }
  std::string answer;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = recv(socket.fd(), buffer, sizeof(buffer), 0)) > 0) {
    answer.append(buffer, static_cast<std::size_t>(count));
  }
  const auto end = answer.find("\r\n\r\n");
  if (count < 0 || end == std::string::npos) return std::nullopt;
  return HttpResponse{answer.substr(0, end), answer.substr(end + 4)};
}

}  // namespace azimuth::testing
