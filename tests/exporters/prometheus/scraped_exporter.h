#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/prometheus_exporter.h"
#include "exporters/prometheus/http_get.h"
#include "support/sample_observation.h"

namespace azimuth::testing {

/// A status as the monitor gives it from the start of a run.
inline MonitorStatus new_status() {
  MonitorStatus status;
  status.run = "sample-run";
  for (const auto outcome : {"analysed", "skipped", "failed"}) status.snapshots[outcome] = 0;
  for (const auto kind : event_kind::all) status.events[std::string(kind)] = 0;
  status.exporters = {{"prometheus", 0, 0, 0}, {"store", 0, 0, 0}};
  return status;
}

/// An open exporter on a free port, with a status that the test sets.
class ScrapedExporter {
 public:
  explicit ScrapedExporter(PrometheusExporterOptions options = {})
      : exporter_(PrometheusExporter::listen("127.0.0.1:0", options)) {
    exporter_->open([shared = shared_] {
      const std::lock_guard lock(shared->mutex);
      return shared->status;
    });
  }

  PrometheusExporter& operator*() { return *exporter_; }
  PrometheusExporter* operator->() { return exporter_.get(); }

  void set_status(MonitorStatus status) {
    const std::lock_guard lock(shared_->mutex);
    shared_->status = std::move(status);
  }

  void write(Observation observation) { exporter_->write({std::move(observation), {}, nullptr}); }

  std::string scrape() {
    const auto response = http_get(exporter_->port(), "/metrics");
    if (!response) throw std::runtime_error("nobody answers");
    return response->body;
  }

  /// By series, as written: name{labels} to value.
  std::map<std::string, std::string> series() {
    std::map<std::string, std::string> all;
    std::istringstream text(scrape());
    for (std::string line; std::getline(text, line);) {
      const auto space = line.rfind(' ');
      if (line.front() != '#') all[line.substr(0, space)] = line.substr(space + 1);
    }
    return all;
  }

 private:
  struct Shared {
    std::mutex mutex;
    MonitorStatus status = new_status();
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::shared_ptr<PrometheusExporter> exporter_;
};

/// Exporters of the runs "one" and "other", on one port.
inline std::vector<std::shared_ptr<PrometheusExporter>> two_runs_on_one_port() {
  const std::string address = "127.0.0.1:" + std::to_string(LoopbackSocket().listen_anywhere());
  std::vector<std::shared_ptr<PrometheusExporter>> exporters;
  for (const std::string run : {"one", "other"}) {
    exporters.push_back(PrometheusExporter::listen(address));
    exporters.back()->open([run] {
      auto status = new_status();
      status.run = run;
      return status;
    });
    exporters.back()->write({sample_observation(), {}, nullptr});
  }
  return exporters;
}

}  // namespace azimuth::testing
