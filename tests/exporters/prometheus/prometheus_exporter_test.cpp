#include "azimuth/prometheus_exporter.h"

#include <gmock/gmock.h>

#include <charconv>
#include <limits>

#include "exporters/prometheus/scraped_exporter.h"
#include "support/sample_observation.h"

namespace azimuth::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

MATCHER_P(Family, prefix, "is a series of " + std::string(prefix)) {
  return std::string_view(arg.first).starts_with(std::string(prefix) + "{");
}

double number(const std::string& text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// An observation in which every number that may be NaN is NaN.
Observation nothing_applies() {
  auto o = sample_observation();
  o.loss = kNotApplicable;
  for (auto& block : o.blocks) {
    const auto index = block.block;
    block = BlockObservation();
    block.block = index;
    block.norms.assign(o.probe.token_ids.size(), kNotApplicable);
  }
  o.stages[0] = {};
  for (auto& angle : o.angles) angle.degrees = angle.noise_floor_degrees = kNotApplicable;
  return o;
}

TEST(PrometheusExporter, ServesEveryNumberOfTheNewestObservation) {
  ScrapedExporter exporter;
  exporter.write(sample_observation(2));
  exporter.write(sample_observation(3));

  const auto series = exporter.series();
  const auto value = [&](const std::string& name, const std::string& labels = "") {
    const auto found = series.find("azimuth_" + name + "{run=\"sample-run\"" + labels + "}");
    return found == series.end() ? kNotApplicable : number(found->second);
  };
  EXPECT_EQ(value("direction_angle_degrees", ",reference=\"previous\""), 0.125);
  EXPECT_EQ(value("direction_angle_degrees", ",reference=\"base\""), 1.25);
  EXPECT_EQ(value("direction_noise_floor_degrees", ",reference=\"previous\""), 0.01);
  EXPECT_EQ(value("direction_noise_floor_degrees", ",reference=\"base\""), 0.02);
  for (const State state : kStates) {
    EXPECT_EQ(value("direction_state", ",state=\"" + std::string(name_of(state)) + "\""),
              state == State::stable ? 1 : 0);
  }
  EXPECT_EQ(value("direction_norm_ratio"), 102);
  EXPECT_EQ(value("direction_peak_block"), 2);
  EXPECT_EQ(value("direction_peak_token_id"), 99);
  EXPECT_EQ(value("direction_base_absent"), 1);
  EXPECT_EQ(value("direction_concentration"), 0.995);
  EXPECT_EQ(value("direction_participation_ratio"), 1.1);
  EXPECT_EQ(value("explosion_block"), 2);
  EXPECT_EQ(value("decay_block"), 3);
  // Tokens 50 and 99, the second and third of three, are high-norm.
  EXPECT_EQ(value("block_norm", ",block=\"1\",path=\"high_norm\""), 251);
  EXPECT_EQ(value("block_norm", ",block=\"1\",path=\"initial_median\""), 201);
  EXPECT_EQ(value("block_norm", ",block=\"1\",path=\"reference\""), 2.5);
  EXPECT_EQ(value("block_norm", ",block=\"0\",path=\"reference\""), 1.5);
  EXPECT_EQ(value("block_gain", ",block=\"2\""), 19);
  EXPECT_EQ(value("block_eigenvalue", ",block=\"2\""), -0.9);
  EXPECT_EQ(value("block_singular_angle_degrees", ",block=\"2\""), 1.5);
  EXPECT_THAT(series, Not(Contains(Key("azimuth_block_gain{run=\"sample-run\",block=\"1\"}"))));
}

TEST(PrometheusExporter, ServesARunWithoutADirectionAndNoNaN) {
  ScrapedExporter exporter;
  Observation o = sample_observation();
  o.stages.clear();
  o.primary_stage = -1;
  o.direction.clear();
  o.angles.clear();
  o.probe.high_norm_token_ids.clear();
  o.blocks[1].ratio_max = 1.75;
  o.blocks[2].ratio_max = 1.5;
  o.state = State::absent;
  o.base_absent = false;
  exporter.write(o);
  const auto series = exporter.series();
  const auto one = [](const std::string& name, const char* value) {
    return Pair("azimuth_direction_" + name + "}", value);
  };
  EXPECT_THAT(series, IsSupersetOf({one("state{run=\"sample-run\",state=\"absent\"", "1"),
                                    one("norm_ratio{run=\"sample-run\"", "1.75"),
                                    one("peak_block{run=\"sample-run\"", "1"),
                                    one("peak_token_id{run=\"sample-run\"", "99"),
                                    one("base_absent{run=\"sample-run\"", "0")}));
  EXPECT_THAT(series, Not(Contains(Pair(::testing::_, "Nan"))));
  EXPECT_THAT(series, Not(Contains(Family("azimuth_direction_angle_degrees"))));
}

TEST(PrometheusExporter, ServesTheStatus) {
  ScrapedExporter exporter;
  auto status = new_status();
  status.training_step = 70;
  status.training_loss = 2.5;
  status.nonfinite_weights = true;
  status.callback_failures = 9;
  status.run_ended = true;
  status.last_snapshot_time = 1'700'000'000.25;
  status.snapshot_interval_seconds = 12.5;
  status.snapshots["analysed"] = 7;
  status.events["state_changed"] = 3;
  status.events["of_the_future"] = 1;
  status.training_thread.counts = {1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4};
  status.training_thread.sum = 50;
  status.training_thread_seconds = 50.5;
  status.analysis_cpu_seconds = 60.5;
  status.overhead_ratio = 0.004;
  status.overhead_budget_ratio = 0.01;
  status.exporters = {{"grpc", 5, 6, 8}};
  exporter.set_status(status);

  const auto one = [](const std::string& name, const std::string& labels, const char* value) {
    return Pair("azimuth_" + name + "{run=\"sample-run\"" + labels + "}", value);
  };
  EXPECT_THAT(
      exporter.series(),
      IsSupersetOf({
          one("training_step", "", "70"),
          one("training_loss", "", "2.5"),
          one("nonfinite_weights", "", "1"),
          one("callback_failures_total", "", "9"),
          one("run_ended", "", "1"),
          one("last_snapshot_timestamp_seconds", "", "1700000000.25"),
          one("snapshot_interval_seconds", "", "12.5"),
          one("snapshots_total", ",outcome=\"analysed\"", "7"),
          one("events_total", ",kind=\"state_changed\"", "3"),
          one("events_total", ",kind=\"of_the_future\"", "1"),
          one("snapshot_duration_seconds_bucket", ",phase=\"training_thread\",le=\"0.001\"", "1"),
          one("snapshot_duration_seconds_bucket", ",phase=\"training_thread\",le=\"0.0025\"", "3"),
          one("snapshot_duration_seconds_bucket", ",phase=\"training_thread\",le=\"10\"", "3"),
          one("snapshot_duration_seconds_bucket", ",phase=\"training_thread\",le=\"+Inf\"", "7"),
          one("snapshot_duration_seconds_count", ",phase=\"training_thread\"", "7"),
          one("snapshot_duration_seconds_sum", ",phase=\"training_thread\"", "50"),
          one("snapshot_duration_seconds_count", ",phase=\"analysis\"", "0"),
          one("training_thread_seconds_total", "", "50.5"),
          one("analysis_cpu_seconds_total", "", "60.5"),
          one("overhead_budget_ratio", "", "0.01"),
          one("export_failures_total", ",exporter=\"grpc\"", "5"),
          one("export_queue_length", ",exporter=\"grpc\"", "6"),
          one("exports_dropped_total", ",exporter=\"grpc\"", "8"),
      }));
}

TEST(PrometheusExporter, HasEveryCounterFromTheStartAndNoObservation) {
  ScrapedExporter exporter;
  auto status = new_status();
  status.snapshots.clear();
  status.events.clear();
  exporter.set_status(status);

  const auto series = exporter.series();
  const auto zero = [&](const std::string& name, const std::string& labels = "") {
    EXPECT_THAT(series,
                Contains(Pair("azimuth_" + name + "{run=\"sample-run\"" + labels + "}", "0")));
  };
  for (const auto outcome : {"analysed", "skipped", "failed"}) {
    zero("snapshots_total", ",outcome=\"" + std::string(outcome) + "\"");
  }
  for (const auto kind : event_kind::all) {
    zero("events_total", ",kind=\"" + std::string(kind) + "\"");
  }
  for (const auto name : {"prometheus", "store"}) {
    zero("export_failures_total", ",exporter=\"" + std::string(name) + "\"");
    zero("export_queue_length", ",exporter=\"" + std::string(name) + "\"");
    zero("exports_dropped_total", ",exporter=\"" + std::string(name) + "\"");
  }
  zero("training_thread_seconds_total");
  zero("analysis_cpu_seconds_total");
  zero("run_ended");
  zero("training_step");
  for (const auto absent :
       {"training_loss", "last_snapshot_timestamp_seconds", "snapshot_interval_seconds",
        "direction_state", "direction_norm_ratio", "block_norm"}) {
    EXPECT_THAT(series, Not(Contains(Family("azimuth_" + std::string(absent)))));
  }
}

TEST(PrometheusExporter, ShowsALossThatIsNaN) {
  ScrapedExporter exporter;
  auto status = new_status();
  status.training_loss = std::nan("");
  exporter.set_status(status);
  EXPECT_THAT(exporter.series(),
              Contains(Pair("azimuth_training_loss{run=\"sample-run\"}", "Nan")));
}

TEST(PrometheusExporter, ShowsTheProcessAndTheBuild) {
  ScrapedExporter exporter;
  const auto series = exporter.series();
  const auto of_process = [&](const std::string& name) {
    const auto found = series.find("process_" + name + "{run=\"sample-run\"}");
    return found == series.end() ? -1 : number(found->second);
  };
  EXPECT_GT(of_process("resident_memory_bytes"), 1e6);
  EXPECT_GT(of_process("virtual_memory_bytes"), of_process("resident_memory_bytes"));
  EXPECT_GE(of_process("cpu_seconds_total"), 0);
  EXPECT_GE(of_process("open_fds"), 4);
  EXPECT_GE(of_process("max_fds"), of_process("open_fds"));
  const double now = static_cast<double>(time(nullptr));
  EXPECT_NEAR(of_process("start_time_seconds"), now, 300);
  EXPECT_THAT(series, Contains(Family("azimuth_build_info")));
}

TEST(PrometheusExporter, EverySeriesHasTheRun) {
  ScrapedExporter exporter;
  exporter.write(sample_observation());
  for (const auto& [series, value] : exporter.series()) {
    EXPECT_THAT(series, HasSubstr("{run=\"sample-run\"")) << value;
  }
}

TEST(PrometheusExporter, EscapesTheRun) {
  ScrapedExporter exporter;
  auto status = new_status();
  status.run = "a\"b\\c\nd{}";
  exporter.set_status(status);
  EXPECT_THAT(exporter.scrape(), HasSubstr("azimuth_run_ended{run=\"a\\\"b\\\\c\\nd{}\"} 0\n"));
}

TEST(PrometheusExporter, NumbersThatDoNotApplyHaveNoSeries) {
  ScrapedExporter exporter;
  exporter.write(nothing_applies());
  const auto series = exporter.series();
  for (const auto absent :
       {"direction_angle_degrees", "direction_noise_floor_degrees", "direction_norm_ratio",
        "direction_concentration", "direction_participation_ratio", "explosion_block",
        "decay_block", "block_norm", "block_gain", "block_eigenvalue",
        "block_singular_angle_degrees"}) {
    EXPECT_THAT(series, Not(Contains(Family("azimuth_" + std::string(absent)))));
  }
  EXPECT_THAT(series, Contains(Family("azimuth_direction_state")));
  EXPECT_THAT(exporter.scrape(), Not(HasSubstr("NaN")));
  EXPECT_THAT(exporter.scrape(), Not(HasSubstr("Nan")));
}

TEST(PrometheusExporter, WithoutAStageTheRatioIsThatOfTheModel) {
  ScrapedExporter exporter;
  auto o = sample_observation();
  o.stages.clear();
  o.primary_stage = -1;
  o.probe.high_norm_token_ids.clear();
  o.blocks[0].ratio_max = 1000;  // the embedding output never counts
  o.state = State::emerging;
  exporter.write(o);

  const auto series = exporter.series();
  EXPECT_THAT(series, Contains(Pair("azimuth_direction_norm_ratio{run=\"sample-run\"}", "102")));
  EXPECT_THAT(series, Contains(Pair(
                          "azimuth_direction_state{run=\"sample-run\",state=\"emerging\"}", "1")));
  EXPECT_THAT(series, Not(Contains(Family("azimuth_explosion_block"))));
  EXPECT_THAT(series, Not(Contains(Key(HasSubstr("path=\"high_norm\"")))));
  EXPECT_THAT(series, Contains(Key(HasSubstr("path=\"initial_median\""))));
}

TEST(PrometheusExporter, SeriesThatNoLongerApplyVanish) {
  ScrapedExporter exporter;
  exporter.write(sample_observation());
  const auto before = exporter.series();
  EXPECT_THAT(before, Contains(Family("azimuth_explosion_block")));
  EXPECT_THAT(before, Contains(Key(HasSubstr("reference=\"base\""))));

  auto o = sample_observation();
  o.stages.clear();
  o.primary_stage = -1;
  o.angles.pop_back();
  o.blocks.pop_back();
  exporter.write(o);
  const auto after = exporter.series();
  EXPECT_THAT(after, Not(Contains(Family("azimuth_explosion_block"))));
  EXPECT_THAT(after, Not(Contains(Key(HasSubstr("reference=\"base\"")))));
  EXPECT_THAT(after, Not(Contains(Key(HasSubstr("block=\"2\"")))));
}

TEST(PrometheusExporter, AnswersAsPrometheusExpects) {
  ScrapedExporter exporter;
  const auto response = http_get(exporter->port(), "/metrics");
  ASSERT_TRUE(response);
  EXPECT_THAT(response->head, StartsWith("HTTP/1.0 200 OK"));
  EXPECT_THAT(response->head, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(http_get(exporter->port(), "/")->head, StartsWith("HTTP/1.0 404"));
}

}  // namespace
}  // namespace azimuth::testing
