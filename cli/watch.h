#pragma once

#include <CLI/CLI.hpp>

namespace azimuth::cli {

/// Adds the call `azimuth watch`. It becomes the program azimuth-watch, which lies beside this one:
/// so no other call loads gRPC.
void add_watch(CLI::App& app);

}  // namespace azimuth::cli
