#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the call `azimuth inspect`, which runs when the command line has been parsed.
void add_inspect(CLI::App& app);

}  // namespace azimuth::cli
