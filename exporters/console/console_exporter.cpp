#include "azimuth/console_exporter.h"

#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "azimuth/snapshot_line.h"
#include "screen.h"

namespace azimuth {
namespace {

bool is_terminal(const ConsoleExporterOptions& options) {
  return options.terminal.value_or(isatty(fileno(options.out)) == 1);
}

bool colours_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || *no_color == '\0';
}

void keep_redrawing(const std::stop_token& stop, console::Screen& screen,
                    const Exporter::StatusSource& status, std::chrono::milliseconds interval) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (!stopped.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) {
    screen.advance(status().training_step);
  }
}

}  // namespace

std::shared_ptr<ConsoleExporter> ConsoleExporter::create(ConsoleExporterOptions options) {
  return std::make_shared<ConsoleExporter>(options);
}

ConsoleExporter::ConsoleExporter(ConsoleExporterOptions options) : options_(options) {
  if (options.out == nullptr) {
    throw std::invalid_argument("console exporter: no file to print to");
  }
  if (options.total_steps < 0) {
    throw std::invalid_argument("console exporter: total_steps is negative");
  }
  if (options.refresh_interval < std::chrono::milliseconds(1)) {
    throw std::invalid_argument("console exporter: refresh_interval is below 1 ms");
  }
  const bool terminal = is_terminal(options);
  screen_ = std::make_shared<console::Screen>(
      console::Screen::Options{.out = options.out,
                               .total_steps = terminal ? options.total_steps : 0,
                               .colours = terminal && colours_wanted()});
}

ConsoleExporter::~ConsoleExporter() {
  redraw_.request_stop();
  if (redraw_.joinable()) redraw_.detach();
}

void ConsoleExporter::open(StatusSource status) {
  if (!screen_->has_bar()) return;
  redraw_ = std::jthread([screen = screen_, status = std::move(status),
                          interval = options_.refresh_interval](const std::stop_token& stop) {
    keep_redrawing(stop, *screen, status, interval);
  });
}

void ConsoleExporter::write(const Record& record) {
  screen_->print(words::lines_of(record.observation), record.observation.step);
}

void ConsoleExporter::end_run(std::chrono::steady_clock::time_point) {
  redraw_.request_stop();
  if (redraw_.joinable()) redraw_.join();
  screen_->close();
}

}  // namespace azimuth
