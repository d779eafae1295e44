// azimuth-watch: what `azimuth watch` becomes.

#include <grpc/grpc.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>

#include "azimuth/clock.h"
#include "azimuth/listen_address.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/snapshot_line.h"
#include "azimuth/state_words.h"
#include "terminal/exit_codes.h"
#include "terminal/output.h"
#include "terminal/printable.h"
#include "watch/watch_client.h"
#include "watch/watch_options.h"
#include "watch/watch_view.h"

namespace azimuth::cli {
namespace {

sigset_t interrupts() {
  sigset_t signals = {};
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

/// Calls `stop` at Ctrl-C. All threads must have blocked the signals, gRPC's own ones too.
class Interrupt {
 public:
  explicit Interrupt(std::function<void()> stop)
      : thread_([stop = std::move(stop)] {
          const sigset_t signals = interrupts();
          int signal = 0;
          sigwait(&signals, &signal);
          stop();
        }) {}
  ~Interrupt() {
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

 private:
  std::thread thread_;
};

/// Whether a write would not wait, as it does on a terminal that was stopped by Ctrl-S.
bool takes_more(int file) {
  pollfd wanted = {file, POLLOUT, 0};
  return poll(&wanted, 1, 0) == 1;
}

/// Where observations go.
class Output {
 public:
  virtual ~Output() = default;
  virtual void observed(const v1::Observation& message) = 0;
  virtual void broken(const std::string& why) {
    std::fprintf(stderr, "azimuth: watch: %s; reconnecting...\n", why.c_str());
  }
  virtual void ended() {}
};

class JsonOutput : public Output {
 public:
  void observed(const v1::Observation& message) override { print_json(to_json(message)); }
};

class PlainOutput : public Output {
 public:
  void observed(const v1::Observation& message) override {
    if (!header_printed_) print(words::legend_line() + "\n" + words::header_line() + "\n");
    header_printed_ = true;
    for (const auto& line : words::lines_of(from_proto(message))) {
      print(printable(line.text) + "\n");
    }
  }

 private:
  bool header_printed_ = false;
};

/// Redraws in place, every second, so that the age of the newest snapshot is true; the last view
/// stays on the screen when it ends.
class TerminalOutput : public Output {
 public:
  explicit TerminalOutput(const std::string& address) : view_(address) {
    redraws_ = std::jthread([this](const std::stop_token& stop) { redraw(stop); });
  }

  void observed(const v1::Observation& message) override {
    const Observation observation = from_proto(message);
    const std::lock_guard lock(mutex_);
    view_.add(observation);
    view_.set_note("");
    draw();
  }
  void broken(const std::string& why) override { note(why + "; reconnecting..."); }
  void ended() override { note("the run has ended"); }

 private:
  void note(const std::string& text) {
    const std::lock_guard lock(mutex_);
    view_.set_note(text);
    draw();
  }

  void redraw(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto stopped = [&stop] { return stop.stop_requested(); };
    try {
      do {
        if (takes_more(STDOUT_FILENO)) draw();
      } while (!wake_.wait_for(lock, stop, std::chrono::seconds(1), stopped));
    } catch (const std::exception&) {
      // Such as standard output that is gone: the next observation's drawing says so.
    }
  }

  void draw() {
    winsize size = {};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    const std::size_t columns = size.ws_col > 0 ? size.ws_col : 80;
    const std::size_t rows = size.ws_row > 1 ? size.ws_row - 1 : 24;
    std::string out;
    if (drawn_ > 0) out = "\x1b[" + std::to_string(drawn_) + "F\x1b[J";
    const auto lines = view_.lines(columns, rows, Clock().unix_seconds());
    for (const auto& line : lines) out += (colours_ ? words::coloured(line) : line.text) + "\n";
    drawn_ = lines.size();
    print(out);
  }

  WatchView view_;
  const bool colours_ = colours_wanted();
  std::size_t drawn_ = 0;  ///< lines on the screen
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread redraws_;  // the last: it ends before what it draws
};

std::unique_ptr<Output> output_of(const WatchOptions& options) {
  if (options.format == "json") return std::make_unique<JsonOutput>();
  if (isatty(STDOUT_FILENO) == 0) return std::make_unique<PlainOutput>();
  return std::make_unique<TerminalOutput>(options.address);
}

void watch(const WatchOptions& options) {
  WatchClient client({options.address, options.run, std::chrono::duration<double>(options.wait)});
  const Interrupt interrupt([&client] { client.stop(); });
  std::unique_ptr<Output> output;
  const auto end = client.follow({
      .connected = [&] { output = output_of(options); },
      .observed =
          [&](const v1::Observation& message) {
            try {
              output->observed(message);
            } catch (const std::invalid_argument& error) {
              throw std::runtime_error(options.address + ": observation: " + error.what());
            }
          },
      .broken = [&](const std::string& why) { output->broken(why); },
  });
  if (end == WatchClient::End::run_ended) output->ended();
}

int fail(int code, const std::string& why) {
  std::fprintf(stderr, "azimuth: %s\n", why.c_str());
  return code;
}

int main(int argc, char** argv) {
  CLI::App app("Shows a run while it trains.", "azimuth watch");
  WatchOptions options;
  add_watch_options(app, options);
  try {
    app.parse(argc, argv);
    ListenAddress::parse(options.address);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  } catch (const std::invalid_argument& error) {
    return fail(kUsage, std::string("watch: ") + error.what());
  }
  const sigset_t signals = interrupts();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before gRPC starts threads
  // gRPC's own messages would stand among ours. Whoever is gRPC's last user may wait ten seconds in
  // its shutdown: the process stays a user until it exits.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  grpc_init();
  try {
    watch(options);
  } catch (const std::exception& error) {
    return fail(kBadInput, error.what());
  }
  return 0;
}

}  // namespace
}  // namespace azimuth::cli

int main(int argc, char** argv) { return azimuth::cli::main(argc, argv); }
