#pragma once

#include <CivetServer.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace azimuth {

/// Answers GET /metrics on one address, on threads of its own. prometheus-cpp's Exposer does not
/// do: it adds metrics without the label `run`, and does not say when a scrape has been served.
class MetricsServer {
 public:
  struct Page {
    std::string text;
    std::function<void()> served = [] {};  ///< called once the whole text has been sent
  };

  /// Throws std::runtime_error if the address cannot be bound. `make_page` is called for each
  /// scrape, from several threads at once.
  MetricsServer(const std::string& address, std::function<Page()> make_page);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  int port() const { return port_; }

 private:
  class Handler : public CivetHandler {
   public:
    explicit Handler(std::function<Page()> make_page) : make_page_(std::move(make_page)) {}
    bool handleGet(CivetServer* server, mg_connection* connection) override;

   private:
    std::function<Page()> make_page_;
  };

  Handler handler_;
  std::unique_ptr<CivetServer> server_;  // after the handler: stops before that goes
  std::string host_;
  int port_ = 0;
};

}  // namespace azimuth
