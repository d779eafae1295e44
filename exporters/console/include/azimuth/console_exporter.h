#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "azimuth/exporter.h"

namespace azimuth {

namespace console {
class Screen;
}

struct ConsoleExporterOptions {
  /// Must stay open until `end_run` has returned or, without it, until the process ends.
  std::FILE* out = stdout;
  std::int64_t total_steps = 0;  ///< of the training; 0: unknown, no progress bar
  /// Whether `out` is a terminal: only there are a progress bar and colours. Unset: asked of `out`.
  std::optional<bool> terminal = {};
  /// How often the progress bar is redrawn between snapshots.
  std::chrono::milliseconds refresh_interval = std::chrono::milliseconds(500);
};

/// Prints one line a snapshot: step, loss, state, norm ratio, angles with their noise floors,
/// explosion and decay blocks of all stages, and the share of the machine that the monitor has used
/// so far. Events follow as lines of their own. What does not apply is a dash.
///
///     monitor.add(azimuth::ConsoleExporter::create({.total_steps = 300}));
///
/// The environment variable `NO_COLOR` switches colours off. Others may print to the same terminal
/// between two lines; whole lines stay whole, the progress bar may then be seen twice.
class ConsoleExporter : public Exporter {
 public:
  /// Throws std::invalid_argument without `out`, below 0 steps, and below 1 ms between redraws.
  static std::shared_ptr<ConsoleExporter> create(ConsoleExporterOptions options = {});
  explicit ConsoleExporter(ConsoleExporterOptions options);
  ~ConsoleExporter() override;

  std::string_view name() const override { return "console"; }
  void open(StatusSource status) override;
  /// Throws std::runtime_error if `out` does not take the text.
  void write(const Record& record) override;
  /// Erases the progress bar.
  void end_run(std::chrono::steady_clock::time_point deadline) override;

 private:
  ConsoleExporterOptions options_;
  /// Shared with the thread that redraws the bar, so that a terminal that hangs keeps nobody
  /// waiting in the destructor.
  std::shared_ptr<console::Screen> screen_;
  std::jthread redraw_;
};

}  // namespace azimuth
