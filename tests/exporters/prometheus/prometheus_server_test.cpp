#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "exporters/prometheus/child_process.h"
#include "exporters/prometheus/http_get.h"
#include "exporters/prometheus/scraped_exporter.h"
#include "support/sample_observation.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// A Prometheus that scrapes one exporter every second.
class PrometheusServer {
 public:
  explicit PrometheusServer(int exporter_port)
      : port_(LoopbackSocket().listen_anywhere()), process_(command(exporter_port), log()) {}

  /// What the server says to a query, once that holds `expected`; its last answer after a minute.
  std::string query_until(const std::string& query, const std::string& expected) {
    std::string answer = "no answer";
    for (const auto deadline = std::chrono::steady_clock::now() + 60s;
         std::chrono::steady_clock::now() < deadline; std::this_thread::sleep_for(100ms)) {
      if (const auto response = http_get(port_, "/api/v1/query?query=" + query)) {
        answer = response->body;
        if (answer.find(expected) != std::string::npos) return answer;
      }
    }
    std::ostringstream said;
    said << std::ifstream(log()).rdbuf();
    return answer + "\n" + said.str();
  }

 private:
  std::string log() const { return folder_ / "log"; }

  std::vector<std::string> command(int exporter_port) const {
    const std::string config = folder_ / "prometheus.yml";
    std::ofstream(config) << "global: {scrape_interval: 1s}\n"
                             "scrape_configs:\n"
                             "  - job_name: azimuth\n"
                             "    static_configs: [{targets: ['127.0.0.1:"
                          << exporter_port << "']}]\n";
    return {"prometheus", "--config.file=" + config,
            "--storage.tsdb.path=" + std::string(folder_ / "data"),
            "--web.listen-address=127.0.0.1:" + std::to_string(port_)};
  }

  TemporaryFolder folder_;
  int port_;
  ChildProcess process_;  // goes before its folder
};

TEST(PrometheusServer, StoresWhatTheExporterServes) {
  ScrapedExporter exporter;
  exporter.write(sample_observation());
  PrometheusServer server(exporter->port());

  const std::string query = "azimuth_direction_norm_ratio";
  const auto answer = server.query_until(query, "\"102\"");
  EXPECT_THAT(answer, HasSubstr("\"__name__\":\"azimuth_direction_norm_ratio\""));
  EXPECT_THAT(answer, HasSubstr("\"run\":\"sample-run\""));
  EXPECT_THAT(answer, HasSubstr("\"102\""));

  auto o = sample_observation();
  o.stages[0].peak_ratio = 55.5;
  exporter.write(o);
  EXPECT_THAT(server.query_until(query, "\"55.5\""), HasSubstr("\"55.5\""));

  // A series that is gone is gone for Prometheus too, at once.
  o.angles.clear();
  exporter.write(o);
  EXPECT_THAT(server.query_until("azimuth_direction_angle_degrees", "\"result\":[]"),
              HasSubstr("\"result\":[]"));
}

TEST(PrometheusServer, TellsRunsOfOnePortApart) {
  const auto exporters = two_runs_on_one_port();
  PrometheusServer server(exporters[0]->port());
  for (const char* metric : {"azimuth_direction_norm_ratio", "process_start_time_seconds"}) {
    EXPECT_THAT(server.query_until("count(" + std::string(metric) + ")", "\"2\""),
                HasSubstr("\"2\""));
  }
}

}  // namespace
}  // namespace azimuth::testing
