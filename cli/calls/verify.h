#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the call `azimuth verify`, which runs when the command line has been parsed.
void add_verify(CLI::App& app);

}  // namespace azimuth::cli
