#pragma once

#include <string>

namespace CLI {
class App;
}

namespace azimuth::cli {

/// What `azimuth watch` takes: the same for the call and for the program that it starts.
struct WatchOptions {
  std::string address = "127.0.0.1:50051";
  std::string run;
  double wait = 5;  ///< seconds, for the first answer
  std::string format;
};

void add_watch_options(CLI::App& call, WatchOptions& options);

}  // namespace azimuth::cli
