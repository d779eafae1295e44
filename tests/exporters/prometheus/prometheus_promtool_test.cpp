#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "exporters/prometheus/scraped_exporter.h"
#include "support/sample_observation.h"

namespace azimuth::testing {
namespace {

struct Verdict {
  int exit_code = -1;
  std::string complaints;
};

Verdict promtool_check(const std::string& text) {
  std::string file = std::filesystem::temp_directory_path() / "azimuth-metrics-XXXXXX";
  const int fd = mkstemp(file.data());
  if (fd < 0) return {};
  close(fd);
  std::ofstream(file) << text;
  Verdict verdict;
  FILE* pipe = popen(("promtool check metrics 2>&1 <'" + file + "'").c_str(), "r");
  char buffer[4096];
  while (fgets(buffer, sizeof(buffer), pipe) != nullptr) verdict.complaints += buffer;
  verdict.exit_code = WEXITSTATUS(pclose(pipe));
  std::filesystem::remove(file);
  return verdict;
}

void expect_clean(const std::string& text) {
  const auto verdict = promtool_check(text);
  EXPECT_EQ(verdict.exit_code, 0) << "promtool is part of Debian's package prometheus";
  EXPECT_EQ(verdict.complaints, "") << text;
}

TEST(PrometheusPromtool, HasNothingToSayBeforeTheFirstObservation) {
  ScrapedExporter exporter;
  expect_clean(exporter.scrape());
}

TEST(PrometheusPromtool, HasNothingToSayOfAFullObservation) {
  ScrapedExporter exporter;
  auto status = new_status();
  status.run = "a \"run\"\n\\";
  status.training_loss = 2.5;
  status.last_snapshot_time = 1'700'000'000.25;
  status.snapshot_interval_seconds = 12.5;
  exporter.set_status(status);
  exporter.write(sample_observation());
  expect_clean(exporter.scrape());
}

TEST(PrometheusPromtool, HasNothingToSayWithoutTheOptionalNumbers) {
  ScrapedExporter exporter;
  auto o = sample_observation();
  o.stages.clear();
  o.primary_stage = -1;
  o.angles.clear();
  for (auto& block : o.blocks) block.norms.assign(3, kNotApplicable);
  exporter.write(o);
  expect_clean(exporter.scrape());
}

TEST(PrometheusPromtool, HasNothingToSayOfSeveralRuns) {
  const auto exporters = two_runs_on_one_port();
  expect_clean(http_get(exporters[0]->port(), "/metrics")->body);
}

TEST(PrometheusPromtool, WouldComplain) {
  EXPECT_NE(promtool_check("azimuth_total 1\n").complaints, "");
}

}  // namespace
}  // namespace azimuth::testing
