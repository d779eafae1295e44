#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the call `azimuth report`, which runs when the command line has been parsed.
void add_report(CLI::App& app);

}  // namespace azimuth::cli
