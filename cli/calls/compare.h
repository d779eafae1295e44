#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the call `azimuth compare`, which runs when the command line has been parsed.
void add_compare(CLI::App& app);

}  // namespace azimuth::cli
