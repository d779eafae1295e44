#pragma once

#include <CLI/CLI.hpp>

namespace azimuth::cli {

/// Adds the call `azimuth report`, which runs when the command line has been parsed.
void add_report(CLI::App& app);

}  // namespace azimuth::cli
