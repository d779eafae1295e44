#include <gmock/gmock.h>

#include "azimuth/prometheus_exporter.h"
#include "exporters/prometheus/scraped_exporter.h"

namespace azimuth::testing {
namespace {

using ::testing::HasSubstr;

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

TEST(PrometheusExporterListen, ClosesThePortWhenItGoes) {
  auto exporter = PrometheusExporter::listen("127.0.0.1:0");
  exporter->open(new_status);
  const int port = exporter->port();
  exporter.reset();
  EXPECT_FALSE(http_get(port, "/metrics"));
}

}  // namespace
}  // namespace azimuth::testing
