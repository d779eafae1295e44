#include <gmock/gmock.h>

#include <chrono>
#include <future>

#include "azimuth/prometheus_exporter.h"
#include "exporters/prometheus/scraped_exporter.h"

namespace azimuth::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

MonitorStatus ended_status() {
  auto status = new_status();
  status.run_ended = true;
  return status;
}

TEST(PrometheusExporterEndRun, WaitsForAScrapeThatShowsTheEnd) {
  ScrapedExporter exporter({.linger = 60s});
  exporter.scrape();  // shows the run as it goes on: does not count
  exporter.set_status(ended_status());
  auto end = std::async(std::launch::async, [&] { exporter->end_run(Clock::now() + 60s); });
  EXPECT_EQ(end.wait_for(50ms), std::future_status::timeout);

  EXPECT_THAT(exporter.scrape(), HasSubstr("azimuth_run_ended{run=\"sample-run\"} 1"));
  EXPECT_EQ(end.wait_for(30s), std::future_status::ready);
}

TEST(PrometheusExporterEndRun, DoesNotWaitIfTheEndWasSeen) {
  ScrapedExporter exporter({.linger = 60s});
  exporter.set_status(ended_status());
  exporter.scrape();
  auto end = std::async(std::launch::async, [&] { exporter->end_run(Clock::now() + 60s); });
  EXPECT_EQ(end.wait_for(30s), std::future_status::ready);
}

TEST(PrometheusExporterEndRun, GivesUpAfterTheLingerTime) {
  ScrapedExporter exporter({.linger = 20ms});
  exporter.set_status(ended_status());
  const auto start = Clock::now();
  exporter->end_run(start + 60s);
  EXPECT_GE(Clock::now() - start, 20ms);
  EXPECT_LT(Clock::now() - start, 30s);
}

TEST(PrometheusExporterEndRun, GivesUpAtTheDeadline) {
  ScrapedExporter exporter({.linger = 60s});
  exporter.set_status(ended_status());
  const auto start = Clock::now();
  exporter->end_run(start + 20ms);
  EXPECT_GE(Clock::now() - start, 20ms);
  EXPECT_LT(Clock::now() - start, 30s);
}

}  // namespace
}  // namespace azimuth::testing
