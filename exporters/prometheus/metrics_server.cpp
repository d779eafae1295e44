#include "metrics_server.h"

#include <chrono>
#include <exception>
#include <future>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace azimuth {
namespace {

std::unique_ptr<CivetServer> start_server(const std::string& address) {
  // Two scrapes at once are enough, and none may hold a thread for long.
  const std::vector<std::string> options = {
      "listening_ports",   address, "num_threads",        "2",
      "enable_keep_alive", "no",    "request_timeout_ms", "10000"};
  try {
    return std::make_unique<CivetServer>(options);
  } catch (const CivetException&) {
    const bool lacks_ipv6 = address.front() == '[' && mg_check_feature(MG_FEATURES_IPV6) == 0;
    throw std::runtime_error(
        "Prometheus exporter: cannot listen on " + address + ": " +
        (lacks_ipv6 ? "this build of civetweb does not support IPv6"
                    : "the port is in use or the address is not one of this machine's"));
  }
}

}  // namespace

MetricsServer::MetricsServer(const std::string& address, std::function<Page()> make_page)
    : handler_(std::move(make_page)), server_(start_server(address)) {
  host_ = address.substr(0, address.rfind(':'));
  if (host_.front() == '[') host_ = host_.substr(1, host_.size() - 2);
  port_ = server_->getListeningPorts().at(0);
  server_->addHandler("/metrics", &handler_);
}

MetricsServer::~MetricsServer() {
  // civetweb sees that it should stop every two seconds only, or when somebody connects.
  try {
    const auto closed = std::async(std::launch::async, [this] { server_->close(); });
    while (closed.wait_for(std::chrono::milliseconds(5)) == std::future_status::timeout) {
      char error[128];
      if (auto* knock = mg_connect_client(host_.c_str(), port_, 0, error, sizeof(error))) {
        mg_close_connection(knock);
      }
    }
  } catch (const std::system_error&) {
    // No thread could be started: the server is closed slowly, by its own destructor.
  }
}

bool MetricsServer::Handler::handleGet(CivetServer*, mg_connection* connection) {
  try {
    const Page page = make_page_();
    const auto size = page.text.size();
    if (mg_send_http_ok(connection, "text/plain; version=0.0.4; charset=utf-8",
                        static_cast<long long>(size)) >= 0 &&
        mg_write(connection, page.text.data(), size) == static_cast<int>(size)) {
      page.served();
    }
  } catch (const std::exception& error) {
    mg_send_http_error(connection, 500, "%s", error.what());
  }
  return true;
}

}  // namespace azimuth
