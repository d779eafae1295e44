#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the call `azimuth history`, which runs when the command line has been parsed.
void add_history(CLI::App& app);

}  // namespace azimuth::cli
