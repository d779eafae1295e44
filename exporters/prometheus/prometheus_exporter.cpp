#include "azimuth/prometheus_exporter.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "azimuth/listen_address.h"
#include "azimuth/shared_by_address.h"
#include "runs_server.h"
#include "served_run.h"

namespace azimuth {

struct PrometheusExporter::Implementation {
  std::string address;
  std::chrono::milliseconds linger;
  std::atomic<int> port = 0;

  const std::shared_ptr<ServedRun> served = std::make_shared<ServedRun>();
  std::string run;
  std::shared_ptr<RunsServer> server;  ///< null before `claim`
};

std::shared_ptr<PrometheusExporter> PrometheusExporter::listen(std::string address,
                                                               PrometheusExporterOptions options) {
  ListenAddress::parse(address);
  if (options.linger.count() < 0) {
    throw std::invalid_argument("Prometheus exporter: linger must not be negative");
  }
  auto implementation = std::make_unique<Implementation>();
  implementation->address = std::move(address);
  implementation->linger = options.linger;
  return std::shared_ptr<PrometheusExporter>(new PrometheusExporter(std::move(implementation)));
}

PrometheusExporter::PrometheusExporter(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

PrometheusExporter::~PrometheusExporter() {
  if (implementation_->server) implementation_->server->remove(implementation_->run);
}

int PrometheusExporter::port() const { return implementation_->port; }

void PrometheusExporter::claim(std::string_view run) {
  auto& self = *implementation_;
  if (self.server) return;
  auto server = shared_by_address<RunsServer>(self.address);
  self.run = run;
  server->add(self.run, self.served);
  self.server = std::move(server);
}

void PrometheusExporter::open(StatusSource status) {
  auto& self = *implementation_;
  claim(status().run);
  self.served->open(std::move(status));
  self.port = self.server->listen();
}

void PrometheusExporter::write(const Record& record) {
  implementation_->served->show(std::make_shared<const Observation>(record.observation));
}

std::string PrometheusExporter::end_waits_for(std::chrono::steady_clock::time_point deadline) {
  const auto& self = *implementation_;
  if (!self.served->awaits_scrape()) return {};
  const std::chrono::duration<double> left = deadline - std::chrono::steady_clock::now();
  const std::chrono::duration<double> linger = self.linger;
  char text[100];
  std::snprintf(text, sizeof text, "a scrape that shows the end of the run, for at most %.1f s",
                std::clamp(left.count(), 0.0, linger.count()));
  return text;
}

void PrometheusExporter::end_run(std::chrono::steady_clock::time_point deadline) {
  auto& self = *implementation_;
  self.served->wait_for_scrape(std::min(deadline, std::chrono::steady_clock::now() + self.linger));
}

}  // namespace azimuth
