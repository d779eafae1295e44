#include "azimuth/prometheus_exporter.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <utility>

#include "azimuth/listen_address.h"
#include "azimuth/mutex.h"
#include "metric_families.h"
#include "metrics_server.h"
#include "process_metrics.h"
#include "run_metrics.h"

namespace azimuth {

struct PrometheusExporter::Implementation {
  std::string address;
  std::chrono::milliseconds linger;

  Mutex mutex;
  StatusSource status AZIMUTH_GUARDED_BY(mutex);
  std::shared_ptr<const Observation> newest AZIMUTH_GUARDED_BY(mutex);
  bool was_scraped AZIMUTH_GUARDED_BY(mutex) = false;
  bool end_was_scraped AZIMUTH_GUARDED_BY(mutex) = false;
  Condition end_scraped;

  std::atomic<int> port = 0;
  std::optional<MetricsServer> server;  // last: stops before what it serves goes

  MetricsServer::Page make_page() {
    mutex.lock();
    const auto observation = newest;
    const auto status_source = status;
    mutex.unlock();

    const MonitorStatus now = status_source();
    MetricFamilies families(now.run);
    if (observation) add_observation_metrics(families, *observation);
    add_status_metrics(families, now);
    add_process_metrics(families);
    MetricsServer::Page page = {prometheus::TextSerializer().Serialize(std::move(families).take())};
    page.served = [this, ended = now.run_ended] { note_scrape(ended); };
    return page;
  }

  void note_scrape(bool showed_end) {
    Lock lock(mutex);
    was_scraped = true;
    if (!showed_end) return;
    end_was_scraped = true;
    end_scraped.notify_all();
  }

  /// Whoever has scraped before will come again; if nobody has, nobody may be there.
  bool awaits_scrape() AZIMUTH_REQUIRES(mutex) { return was_scraped && !end_was_scraped; }
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

PrometheusExporter::~PrometheusExporter() = default;

int PrometheusExporter::port() const { return implementation_->port; }

void PrometheusExporter::open(StatusSource status) {
  auto& self = *implementation_;
  {
    Lock lock(self.mutex);
    self.status = std::move(status);
  }
  self.server.emplace(self.address, [&self] { return self.make_page(); });
  self.port = self.server->port();
}

void PrometheusExporter::write(const Record& record) {
  auto observation = std::make_shared<const Observation>(record.observation);
  Lock lock(implementation_->mutex);
  implementation_->newest = std::move(observation);
}

std::string PrometheusExporter::end_waits_for(std::chrono::steady_clock::time_point deadline) {
  auto& self = *implementation_;
  const std::chrono::duration<double> left = deadline - std::chrono::steady_clock::now();
  const std::chrono::duration<double> linger = self.linger;
  Lock lock(self.mutex);
  if (!self.awaits_scrape()) return {};
  char text[100];
  std::snprintf(text, sizeof text, "a scrape that shows the end of the run, for at most %.1f s",
                std::clamp(left.count(), 0.0, linger.count()));
  return text;
}

void PrometheusExporter::end_run(std::chrono::steady_clock::time_point deadline) {
  auto& self = *implementation_;
  const auto limit = std::min(deadline, std::chrono::steady_clock::now() + self.linger);
  Lock lock(self.mutex);
  self.end_scraped.wait_until(
      self.mutex, limit, [&self]() AZIMUTH_REQUIRES(self.mutex) { return !self.awaits_scrape(); });
}

}  // namespace azimuth
