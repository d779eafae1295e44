#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the call `azimuth audit`, which runs when the command line has been parsed.
void add_audit(CLI::App& app);

}  // namespace azimuth::cli
