#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the hidden call `azimuth manual`, which prints the page azimuth(1) of all calls that `app`
/// has by then: the build makes it from the program itself.
void add_manual(CLI::App& app);

}  // namespace azimuth::cli
