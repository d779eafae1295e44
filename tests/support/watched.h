#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "azimuth/monitor.h"
#include "support/recording_exporter.h"
#include "support/tiny_llama.h"

namespace azimuth::testing {

using namespace std::chrono_literals;

/// Keeps what the monitor logs.
class Log {
 public:
  LogCallback callback() {
    return [this](LogLevel, std::string_view message) {
      std::lock_guard lock(mutex_);
      lines_.emplace_back(message);
    };
  }
  int count(std::string_view part) const {
    std::lock_guard lock(mutex_);
    return static_cast<int>(std::ranges::count_if(
        lines_, [&](const std::string& line) { return line.find(part) != std::string::npos; }));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// Snapshots at every step, of a small probe, without a log.
inline MonitorOptions every_step(std::string run = "test") {
  MonitorOptions options{.run = std::move(run),
                         .snapshot_interval = SnapshotInterval::every_steps(1)};
  options.probe_size = 12;
  options.retry_interval = 1ms;
  options.log = [](LogLevel, std::string_view) {};
  return options;
}

/// A TinyLlama that is watched, with an exporter that records.
struct Watched {
  explicit Watched(MonitorOptions options = every_step()) : monitor(std::move(options)) {
    monitor.add(exporter);
  }
  void attach() { attachment = monitor.attach(*this); }
  void attach(AtStep begin) { attachment = monitor.attach(begin, *this); }

  // How the monitor attaches to this.
  friend Attachment attach_to(Monitor& monitor, Watched& watched) {
    auto source = std::make_unique<TinySource>(watched.model, watched.special_token_ids);
    watched.source = source.get();
    source->on_product = watched.on_product;
    return monitor.attach_source(std::move(source));
  }
  // Steps one at a time, each analysed before the next: no snapshot is skipped.
  void step(std::int64_t step, std::optional<double> loss = {}) {
    ASSERT_TRUE(monitor.drain(30s));
    attachment.step({.step = step, .loss = loss});
    ASSERT_TRUE(monitor.drain(30s));
  }

  // For exporters that never become idle: waits for the analysis of each step alone.
  void steps_with_busy_exporters(std::int64_t count) {
    const auto wait_for = [&](std::int64_t snapshots) {
      for (;;) {
        const auto by_outcome = monitor.status().snapshots;
        const std::uint64_t done = by_outcome.at("analysed") + by_outcome.at("skipped");
        if (done >= static_cast<std::uint64_t>(snapshots)) return;
        std::this_thread::yield();
      }
    };
    wait_for(1);
    for (std::int64_t step = 1; step <= count; ++step) {
      attachment.step({.step = step});
      wait_for(step + 1);
    }
  }

  std::shared_ptr<TinyLlama> model = std::make_shared<TinyLlama>();
  std::shared_ptr<RecordingExporter> exporter = std::make_shared<RecordingExporter>();
  Monitor monitor;
  ProductHook on_product;  // set before `attach`, as what comes next
  std::vector<std::int64_t> special_token_ids = TinyLlama::architecture().special_token_ids;
  TinySource* source = nullptr;
  Attachment attachment;
};

}  // namespace azimuth::testing
