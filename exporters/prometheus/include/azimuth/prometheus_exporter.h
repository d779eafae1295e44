#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "azimuth/exporter.h"

namespace azimuth {

struct PrometheusExporterOptions {
  /// How long a run that has ended is served at most, for one scrape to see the end, if there was
  /// one before. Choose it longer than the scrape interval.
  std::chrono::milliseconds linger = std::chrono::seconds(20);
};

/// Serves the newest observation and the monitor's counters as Prometheus metrics, over HTTP at
/// /metrics of one address. Every scrape is made from what is known at that moment: a series that
/// no longer applies is absent, and a number that does not apply has no series. All counters are
/// there from the start, at 0.
///
///     monitor.add(azimuth::PrometheusExporter::listen("127.0.0.1:9464"));
///
/// Exporters of one process that name the same address share its server, and their runs one page;
/// the label `run` tells them apart. (Each run has the `process_*` metrics of the process that it
/// is in.) An address is the same if it is written in the same way.
///
/// There is neither encryption nor a password: listen on a loopback address unless the network is
/// trusted. Serving uses threads of its own; training never waits for a scrape. The web server
/// makes the process ignore SIGPIPE. The destructor of the last exporter closes the port.
class PrometheusExporter : public Exporter {
 public:
  /// `address` is "host:port" or "[::1]:port"; port 0 takes a free one. Binds nothing yet. Throws
  /// std::invalid_argument if the address is malformed or `linger` negative. IPv6 needs a civetweb
  /// that was built for it (Debian's was not: there `open` says so).
  static std::shared_ptr<PrometheusExporter> listen(std::string address,
                                                    PrometheusExporterOptions options = {});
  ~PrometheusExporter() override;
  PrometheusExporter(const PrometheusExporter&) = delete;
  PrometheusExporter& operator=(const PrometheusExporter&) = delete;

  /// The port that is served; 0 while none is. Thread-safe.
  int port() const;

  std::string_view name() const override { return "prometheus"; }
  /// Throws std::invalid_argument if another exporter serves a run of this name at this address.
  void claim(std::string_view run) override;
  /// Throws std::runtime_error if the address cannot be bound now.
  void open(StatusSource status) override;
  void write(const Record& record) override;
  /// Waits until one scrape has been served that showed `azimuth_run_ended` 1. If nobody has
  /// scraped before, it does not wait.
  void end_run(std::chrono::steady_clock::time_point deadline) override;
  std::string end_waits_for(std::chrono::steady_clock::time_point deadline) override;

 private:
  struct Implementation;
  explicit PrometheusExporter(std::unique_ptr<Implementation> implementation);

  std::unique_ptr<Implementation> implementation_;
};

}  // namespace azimuth
