#include <gmock/gmock.h>

#include <set>
#include <sstream>
#include <string>

#include "azimuth/prometheus_exporter.h"
#include "exporters/prometheus/scraped_exporter.h"
#include "support/sample_observation.h"

namespace azimuth::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// tests/base/listen_address_test.cpp has a table of them; civetweb would take the second for two.
TEST(PrometheusExporterListen, AMalformedAddressIsMisuse) {
  for (const char* address : {"localhost", "127.0.0.1:1,127.0.0.1:2"})
    EXPECT_THROW(PrometheusExporter::listen(address), std::invalid_argument) << address;
}

TEST(PrometheusExporterListen, AWellFormedAddressBindsNothingYet) {
  for (const char* address : {"127.0.0.1:9464", "[::1]:9464"})
    EXPECT_EQ(PrometheusExporter::listen(address)->port(), 0) << address;
}

TEST(PrometheusExporterListen, NegativeLingerIsMisuse) {
  EXPECT_THROW(PrometheusExporter::listen("127.0.0.1:0", {.linger = std::chrono::milliseconds(-1)}),
               std::invalid_argument);
}

TEST(PrometheusExporterListen, PortZeroTakesAFreePort) {
  ScrapedExporter one;
  ScrapedExporter other;
  EXPECT_GT(one->port(), 0);
  EXPECT_GT(other->port(), 0);
  EXPECT_NE(one->port(), other->port());
  EXPECT_THAT(one.scrape(), HasSubstr("azimuth_run_ended"));
}

TEST(PrometheusExporterListen, ABusyPortThrowsAndIsTakenOnceFree) {
  auto holder = std::make_unique<LoopbackSocket>();
  const int port = holder->listen_anywhere();
  ASSERT_GT(port, 0);

  const auto address = "127.0.0.1:" + std::to_string(port);
  const auto exporter = PrometheusExporter::listen(address);
  try {
    exporter->open(new_status);
    FAIL() << "the port is busy";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr(address));
  }
  EXPECT_EQ(exporter->port(), 0);

  holder.reset();
  exporter->open(new_status);
  EXPECT_EQ(exporter->port(), port);
  EXPECT_THAT(http_get(port, "/metrics")->body, HasSubstr("azimuth_run_ended"));
}

/// Of a port that is free at the moment.
std::string free_address() {
  return "127.0.0.1:" + std::to_string(LoopbackSocket().listen_anywhere());
}

Exporter::StatusSource status_of(const std::string& run) {
  return [run] {
    auto status = new_status();
    status.run = run;
    return status;
  };
}

TEST(PrometheusExporterListen, OneAddressServesSeveralRuns) {
  const std::string address = free_address();
  auto one = PrometheusExporter::listen(address);
  auto other = PrometheusExporter::listen(address);
  one->claim("one");
  other->claim("other");
  one->open(status_of("one"));
  EXPECT_THAT(http_get(one->port(), "/metrics")->body, Not(HasSubstr("other")));
  other->open(status_of("other"));
  EXPECT_EQ(one->port(), other->port());
  other->write({sample_observation(), {}, nullptr});

  const std::string page = http_get(one->port(), "/metrics")->body;
  EXPECT_THAT(page, HasSubstr("azimuth_run_ended{run=\"one\"} 0\n"
                              "azimuth_run_ended{run=\"other\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("azimuth_explosion_block{run=\"other\"} 2"));
  EXPECT_THAT(page, Not(HasSubstr("azimuth_explosion_block{run=\"one\"}")));
  std::set<std::string> lines;
  std::istringstream text(page);
  for (std::string line; std::getline(text, line);) {
    EXPECT_TRUE(lines.insert(line).second) << "twice: " << line;
  }

  const int port = one->port();
  one.reset();
  EXPECT_THAT(http_get(port, "/metrics")->body, Not(HasSubstr("run=\"one\"")));
  EXPECT_THAT(http_get(port, "/metrics")->body, HasSubstr("run=\"other\""));
  other.reset();
  EXPECT_FALSE(http_get(port, "/metrics")) << "closed by the last";
}

TEST(PrometheusExporterListen, OneAddressServesARunOnce) {
  const std::string address = free_address();
  auto first = PrometheusExporter::listen(address);
  const auto second = PrometheusExporter::listen(address);
  first->claim("run");
  first->claim("run");  // again, by the same
  EXPECT_THROW(second->claim("run"), std::invalid_argument);
  PrometheusExporter::listen("127.0.0.1:0")->claim("run");
  first.reset();
  second->claim("run");
}

TEST(PrometheusExporterListen, ClosesThePortWhenItGoes) {
  auto exporter = PrometheusExporter::listen("127.0.0.1:0");
  exporter->open(new_status);
  const int port = exporter->port();
  exporter.reset();
  EXPECT_FALSE(http_get(port, "/metrics"));
}

}  // namespace
}  // namespace azimuth::testing
