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

TEST(PrometheusExporterEndRun, DoesNotWaitIfNobodyHasEverScraped) {
  ScrapedExporter exporter({.linger = 1h});
  exporter.set_status(ended_status());
  EXPECT_EQ(exporter->end_waits_for(Clock::now() + 1h), "");
  exporter->end_run(Clock::now() + 1h);  // returns, or the test never ends
}

TEST(PrometheusExporterEndRun, SaysWhatItWaitsFor) {
  ScrapedExporter exporter({.linger = 20s});
  exporter.scrape();
  exporter.set_status(ended_status());
  EXPECT_EQ(exporter->end_waits_for(Clock::now() + 1h),
            "a scrape that shows the end of the run, for at most 20.0 s");
  EXPECT_EQ(exporter->end_waits_for(Clock::now()),
            "a scrape that shows the end of the run, for at most 0.0 s");
  exporter.scrape();
  EXPECT_EQ(exporter->end_waits_for(Clock::now() + 1h), "");
}

TEST(PrometheusExporterEndRun, GivesUpAfterTheLingerTime) {
  ScrapedExporter exporter({.linger = 20ms});
  exporter.scrape();
  exporter.set_status(ended_status());
  const auto start = Clock::now();
  exporter->end_run(start + 60s);
  EXPECT_GE(Clock::now() - start, 20ms);
  EXPECT_LT(Clock::now() - start, 30s);
}

TEST(PrometheusExporterEndRun, GivesUpAtTheDeadline) {
  ScrapedExporter exporter({.linger = 60s});
  exporter.scrape();
  exporter.set_status(ended_status());
  const auto start = Clock::now();
  exporter->end_run(start + 20ms);
  EXPECT_GE(Clock::now() - start, 20ms);
  EXPECT_LT(Clock::now() - start, 30s);
}

}  // namespace
}  // namespace azimuth::testing
