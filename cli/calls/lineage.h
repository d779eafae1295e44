#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the call `azimuth lineage`, which runs when the command line has been parsed.
void add_lineage(CLI::App& app);

}  // namespace azimuth::cli
