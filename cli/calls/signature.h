#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the call `azimuth signature`, which runs when the command line has been parsed.
void add_signature(CLI::App& app);

}  // namespace azimuth::cli
