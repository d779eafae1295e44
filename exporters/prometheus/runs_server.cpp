#include "runs_server.h"

#include <prometheus/text_serializer.h>

#include <stdexcept>
#include <utility>
#include <vector>

namespace azimuth {

RunsServer::RunsServer(std::string address) : address_(std::move(address)) {}

void RunsServer::add(const std::string& run, std::shared_ptr<ServedRun> served) {
  Lock lock(runs_mutex_);
  if (!runs_.emplace(run, std::move(served)).second) {
    throw std::invalid_argument("Prometheus exporter: " + address_ + " already serves a run " +
                                run + ": give this one another name or another port");
  }
}

void RunsServer::remove(const std::string& run) {
  Lock lock(runs_mutex_);
  runs_.erase(run);
}

int RunsServer::listen() {
  Lock lock(server_mutex_);
  if (!server_) server_.emplace(address_, [this] { return make_page(); });
  return server_->port();
}

MetricsServer::Page RunsServer::make_page() {
  runs_mutex_.lock();
  const auto runs = runs_;
  runs_mutex_.unlock();

  struct Shown {
    std::shared_ptr<ServedRun> run;
    bool ended;
  };
  MetricFamilies families;
  std::vector<Shown> shown;
  for (const auto& [name, run] : runs) shown.push_back({run, run->add_to(families)});
  return {prometheus::TextSerializer().Serialize(std::move(families).take()),
          [shown = std::move(shown)] {
            for (const auto& [run, ended] : shown) run->note_scrape(ended);
          }};
}

}  // namespace azimuth
