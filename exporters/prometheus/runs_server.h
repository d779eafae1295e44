#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "azimuth/mutex.h"
#include "metrics_server.h"
#include "served_run.h"

namespace azimuth {

/// Serves all runs of one address, in one page. Thread-safe.
class RunsServer {
 public:
  explicit RunsServer(std::string address);

  /// Throws std::invalid_argument if a run of that name is here.
  void add(const std::string& run, std::shared_ptr<ServedRun> served);
  void remove(const std::string& run);

  /// Gives the port. Throws std::runtime_error if the address cannot be bound; does nothing once it
  /// is.
  int listen();

 private:
  MetricsServer::Page make_page();

  const std::string address_;
  Mutex runs_mutex_;
  std::map<std::string, std::shared_ptr<ServedRun>> runs_ AZIMUTH_GUARDED_BY(runs_mutex_);
  Mutex server_mutex_;
  /// Last: stops before what it serves goes.
  std::optional<MetricsServer> server_ AZIMUTH_GUARDED_BY(server_mutex_);
};

}  // namespace azimuth
