#include "watch/watch_options.h"

#include <CLI/CLI.hpp>

#include "terminal/output.h"

namespace azimuth::cli {

void add_watch_options(CLI::App& call, WatchOptions& options) {
  call.add_option("ADDRESS", options.address, "Where the run serves gRPC")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  call.add_option("--run", options.run, "Watch only a run of this name")->type_name("NAME");
  call.add_option("--wait", options.wait, "Seconds to wait at the start until something answers")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  add_format_option(call, options.format, "one Observation of azimuth.v1 per line");
  call.footer(
      "Ends with the run, or on Ctrl-C. Reconnects by itself when the connection breaks.\n"
      "Example:\n  azimuth watch 127.0.0.1:50051\n"
      "  azimuth watch --format json | jq '.step, .state'");
}

}  // namespace azimuth::cli
