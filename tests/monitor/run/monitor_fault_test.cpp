// Faults never reach training: each is put in through an interface.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "azimuth/monitor.h"
#include "support/watched.h"

namespace azimuth {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::every_step;
using ::testing::FieldsAre;
using testing::Gate;
using testing::Log;
using testing::RecordingExporter;
using testing::TinyLlama;
using testing::Watched;

TEST(MonitorFault, CountsAnExporterThatThrows) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched s(options);
  auto broken = std::make_shared<RecordingExporter>();
  broken->label = "broken";
  broken->on_write = [](const Record&) { throw std::runtime_error("no space"); };
  s.monitor.add(broken);
  s.attach();
  for (int step = 1; step <= 4; ++step) s.step(step);
  const auto status = s.monitor.status();
  EXPECT_EQ(s.exporter->observations().size(), 5u) << "the other one gets everything";
  EXPECT_EQ(status.exporters[1].name, "broken");
  EXPECT_EQ(status.exporters[1].failures, 5u);
  EXPECT_EQ(status.exporters[1].dropped, 5u);
  EXPECT_EQ(log.count("no space"), 1) << "logged once";
}

TEST(MonitorFault, OpensABusyExporterLater) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched s(options);
  std::atomic<int> tries = 0;
  s.exporter->on_open = [&] {
    if (++tries < 4) throw std::runtime_error("port in use");
  };
  s.attach();
  s.step(1);
  EXPECT_EQ(s.exporter->observations().size(), 2u);
  EXPECT_EQ(tries, 4);
  EXPECT_EQ(s.monitor.status().exporters[0].failures, 3u);
  EXPECT_EQ(log.count("port in use"), 1);
}

TEST(MonitorFault, FinishDoesNotWaitForAPortThatStaysBusy) {
  Watched s;
  const auto busy = std::make_shared<RecordingExporter>();
  busy->label = "busy";
  busy->on_open = [] { throw std::runtime_error("port in use"); };
  s.monitor.add(busy);
  s.attach();
  const FinishReport report = s.monitor.finish(1h);
  EXPECT_EQ(s.exporter->observations().size(), 2u);
  EXPECT_TRUE(report.in_time);
  EXPECT_FALSE(report) << "the busy one has not taken everything";
  EXPECT_THAT(report.losses, ElementsAre(FieldsAre("busy", 2)));
}

TEST(MonitorFault, FinishSaysWhatWasLost) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched s(options);
  const auto broken = std::make_shared<RecordingExporter>();
  broken->label = "broken";
  broken->on_write = [](const Record& record) {
    if (record.observation.step == 1) throw std::runtime_error("no space");
  };
  s.monitor.add(broken);
  s.attach();
  s.step(1);
  s.source->before_capture = [] { throw std::runtime_error("parameter w has disappeared"); };
  s.step(2);
  s.step(3);
  const FinishReport report = s.monitor.finish(30s);
  EXPECT_FALSE(report);
  EXPECT_TRUE(report.in_time);
  EXPECT_EQ(report.failed_snapshots, 3) << "the last one too";
  EXPECT_THAT(report.losses, ElementsAre(FieldsAre("broken", 1)));
  EXPECT_FALSE(s.monitor.finish(30s));
  EXPECT_EQ(log.count("at the end of the run: 3 snapshots failed; exporter broken has not taken 1 "
                      "records (no space)"),
            1);
}

TEST(MonitorFault, TellsAHistoryOfFailedSnapshotsAndOfWhatOthersLost) {
  Watched s;
  const auto busy = std::make_shared<RecordingExporter>();
  busy->on_open = [] { throw std::runtime_error("port in use"); };
  const auto store = std::make_shared<RecordingExporter>();
  store->is_lossless = true;
  std::uint64_t lost = 0;
  store->on_end_run = [&] { lost = store->status().exporters[2].dropped; };
  s.monitor.add(store);
  s.monitor.add(busy);
  s.attach();
  while (s.monitor.status().exporters[2].failures == 0) std::this_thread::yield();
  while (s.monitor.status().snapshots.at("analysed") == 0) std::this_thread::yield();
  s.source->before_capture = [] { throw std::runtime_error("parameter w has disappeared"); };
  s.attachment.step({.step = 7});
  EXPECT_FALSE(s.monitor.finish(30s));
  const auto failures = store->failures();
  ASSERT_EQ(failures.size(), 2u) << "one is that of the end";
  EXPECT_EQ(failures[0].run, "test");
  EXPECT_EQ(failures[0].step, 7);
  EXPECT_EQ(failures[0].reason, "parameter w has disappeared");
  EXPECT_GT(failures[0].time, 1.7e9);
  EXPECT_TRUE(s.exporter->failures().empty()) << "it keeps no history";
  EXPECT_EQ(lost, store->records().size());
}

TEST(MonitorFault, SaysWhatIsLostWithoutFinishToo) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  {
    Watched s(options);
    s.exporter->on_write = [](const Record&) { throw std::runtime_error("no space"); };
    s.attach();
    s.step(1);
  }
  EXPECT_EQ(log.count("at the end of the run: exporter recording has not taken 2 records"), 1);
}

TEST(MonitorFault, GivesUpAnExporterThatCanNeverOpen) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  options.queue_capacity = 2;
  Watched s(options);
  const auto store = std::make_shared<RecordingExporter>();
  store->label = "store";
  store->is_lossless = true;
  std::atomic<int> tries = 0;
  store->on_open = [&] {
    ++tries;
    throw ExporterUnusable("h: cannot open: Read-only file system");
  };
  s.monitor.add(store);
  s.attach();
  for (int step = 1; step <= 4; ++step) s.step(step);
  EXPECT_EQ(s.monitor.status().snapshots.at("skipped"), 0u) << "its queue holds up nothing";
  EXPECT_THAT(s.monitor.finish(1h).losses, ElementsAre(FieldsAre("store", 6)));
  EXPECT_EQ(tries, 1);
  EXPECT_EQ(s.monitor.status().exporters[1].dropped, 6u);
  EXPECT_EQ(log.count("exporter store: nothing is recorded of this run: "
                      "h: cannot open: Read-only file system"),
            1);
}

TEST(MonitorFault, WritesTheEndOfARunAgainUntilItIsKept) {
  Watched s;
  const auto store = std::make_shared<RecordingExporter>();
  store->is_lossless = true;
  std::atomic<int> failures = 2;
  std::atomic<bool> ended = false;
  store->on_end_run = [&] {
    EXPECT_EQ(store->observations().size(), 2u) << "after the last record";
    if (failures-- > 0) throw std::runtime_error("disk full");
    ended = true;
  };
  s.monitor.add(store);
  s.attach();
  EXPECT_TRUE(s.monitor.finish(30s));
  EXPECT_TRUE(ended);
}

TEST(MonitorFault, IsNotDelayedByAnExporterThatHangs) {
  const auto gate = std::make_shared<Gate>();
  const auto hanging = std::make_shared<RecordingExporter>();
  hanging->label = "hanging";
  hanging->on_write = [gate](const Record&) { gate->pass(); };
  {
    MonitorOptions options = every_step();
    options.queue_capacity = 3;
    options.shutdown_timeout = 20ms;
    Watched s(options);
    s.monitor.add(hanging);
    s.attach(AtStep{0});
    ASSERT_TRUE(gate->wait_for_somebody());
    s.steps_with_busy_exporters(8);
    EXPECT_EQ(s.monitor.status().exporters[1].dropped, 5u) << "the oldest of its queue";
    EXPECT_EQ(s.monitor.status().exporters[1].queue_length, 3u);
    const FinishReport report = s.monitor.finish(1s);  // enough for a last snapshot
    EXPECT_FALSE(report.in_time);
    EXPECT_THAT(report.losses, Contains(FieldsAre("hanging", 10)))
        << "six dropped, three queued, one in its hands";
  }
  EXPECT_TRUE(hanging->observations().empty()) << "the monitor has gone without it";
  gate->open();
}

TEST(MonitorFault, IsNotDelayedByAnExporterThatHangsAsItCloses) {
  struct ClosesSlowly : RecordingExporter {
    explicit ClosesSlowly(std::shared_ptr<Gate> at) : gate(std::move(at)) {}
    ~ClosesSlowly() override { gate->pass(); }
    std::shared_ptr<Gate> gate;
  };
  const auto gate = std::make_shared<Gate>();
  {
    MonitorOptions options = every_step();
    options.shutdown_timeout = 50ms;
    Watched s(options);
    s.monitor.add(std::make_shared<ClosesSlowly>(gate));
    s.attach();
    s.step(1);
  }  // returns, or the test never ends
  EXPECT_TRUE(gate->wait_for_somebody()) << "closed on a thread of its own";
  gate->open();
}

TEST(MonitorFault, SkipsSnapshotsWhileALosslessQueueIsFull) {
  MonitorOptions options = every_step();
  options.queue_capacity = 2;
  Watched s(options);
  const auto gate = std::make_shared<Gate>();
  const auto store = std::make_shared<RecordingExporter>();
  store->is_lossless = true;
  store->on_write = [gate](const Record&) { gate->pass(); };
  s.monitor.add(store);
  s.attach(AtStep{0});
  ASSERT_TRUE(gate->wait_for_somebody());
  s.steps_with_busy_exporters(6);
  EXPECT_EQ(s.monitor.status().snapshots.at("skipped"), 4u) << "one is written, two wait";
  gate->open();
  ASSERT_TRUE(s.monitor.drain(30s));
  EXPECT_EQ(store->observations().size(), 3u);
  s.step(2000);
  EXPECT_EQ(store->observations().size(), 4u);
  EXPECT_EQ(s.monitor.status().exporters[1].dropped, 0u);
}

TEST(MonitorFault, GivesALosslessExporterTheSameRecordAgain) {
  Watched s;
  const auto store = std::make_shared<RecordingExporter>();
  store->is_lossless = true;
  std::atomic<int> failures = 3;
  store->on_write = [&](const Record&) {
    if (failures-- > 0) throw std::runtime_error("disk full");
  };
  s.monitor.add(store);
  s.attach();
  s.step(1);
  const auto o = store->observations();
  ASSERT_EQ(o.size(), 2u);
  EXPECT_EQ(o[0].sequence, 1);
  EXPECT_EQ(o[1].sequence, 2);
}

TEST(MonitorFault, CountsASnapshotThatFails) {
  Log log;
  MonitorOptions options = every_step();
  options.log = log.callback();
  Watched s(options);
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  s.source->before_capture = [] { throw std::runtime_error("parameter w has disappeared"); };
  s.step(1);
  s.step(2);
  s.source->before_capture = nullptr;
  s.step(3);
  EXPECT_EQ(s.monitor.status().snapshots.at("failed"), 2u);
  EXPECT_EQ(s.exporter->observations().size(), 2u);
  EXPECT_EQ(log.count("parameter w has disappeared"), 1);
}

TEST(MonitorFault, SaysWhenWeightsAreNotFinite) {
  for (float bad : {NAN, INFINITY}) {
    Watched s;
    s.monitor.use_first_snapshot_as_base();
    s.attach();
    ASSERT_TRUE(s.monitor.drain(30s));
    const TinyLlama healthy = *s.model;
    s.model->tensor(TinyLlama::in_block(3, "mlp.down_proj.weight"))(2, 3) = bad;
    s.step(1);
    auto o = s.exporter->observations().back();
    ASSERT_FALSE(o.events.empty());
    EXPECT_EQ(o.events[0].kind, event_kind::nonfinite_weights);
    EXPECT_THAT(o.events[0].message,
                ::testing::StartsWith("model.layers.2.mlp.down_proj.weight (block 3) "));
    EXPECT_EQ(o.state, State::nonfinite);
    EXPECT_TRUE(s.monitor.status().nonfinite_weights);
    s.step(2);
    EXPECT_TRUE(s.exporter->observations().back().events.empty()) << "said once";
    EXPECT_TRUE(s.monitor.status().nonfinite_weights);
    *s.model = healthy;
    s.step(3);
    o = s.exporter->observations().back();
    ASSERT_FALSE(o.events.empty());
    EXPECT_EQ(o.events[0].kind, event_kind::finite_weights);
    EXPECT_EQ(o.state, State::stable) << "as before";
    EXPECT_FALSE(s.monitor.status().nonfinite_weights);
    EXPECT_EQ(s.monitor.status().events.at("nonfinite_weights"), 1u);
  }
}

// Where an analysis is held: at a product of its pass. Shared with it, since it may be left behind.
struct Hold {
  std::atomic<bool> on = false;
  Gate gate;
};

testing::ProductHook hook_of(std::shared_ptr<Hold> hold) {
  return [hold = std::move(hold)](Eigen::Index) {
    if (hold->on) hold->gate.pass();
  };
}

TEST(MonitorFault, SkipsWhileAnAnalysisRunsAndSurvivesDetach) {
  const auto hold = std::make_shared<Hold>();
  Watched s;
  s.on_product = hook_of(hold);
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  hold->on = true;
  s.attachment.step({.step = 1});
  ASSERT_TRUE(hold->gate.wait_for_somebody());
  s.attachment.step({.step = 2});
  EXPECT_EQ(s.monitor.status().snapshots.at("skipped"), 1u);
  s.attachment.detach();
  s.attachment.step({.step = 3});
  hold->gate.open();
  EXPECT_TRUE(s.monitor.drain(30s));
  EXPECT_EQ(s.exporter->observations().size(), 2u);
}

TEST(MonitorFault, CanBeDestroyedDuringAnAnalysisAndBeforeTheTrainer) {
  const auto hold = std::make_shared<Hold>();
  auto options = every_step();
  options.shutdown_timeout = 20ms;
  Attachment attachment;
  {
    Watched s(options);
    s.on_product = hook_of(hold);
    s.attach();
    ASSERT_TRUE(s.monitor.drain(30s));
    attachment = s.attachment;
    hold->on = true;
    attachment.step({.step = 1});
    ASSERT_TRUE(hold->gate.wait_for_somebody());
  }
  attachment.step({.step = 2});
  attachment.detach();
  hold->gate.open();
}

}  // namespace
}  // namespace azimuth
