#pragma once

#include <span>

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the call `azimuth watch`. It becomes the program azimuth-watch, which lies beside this one,
/// so that no other call loads gRPC. `words` is the command line that is parsed, argv.
void add_watch(CLI::App& app, std::span<char* const> words);

}  // namespace azimuth::cli
