#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the call `azimuth completion`, which prints a shell's completion script of all calls that
/// `app` has by then.
void add_completion(CLI::App& app);

}  // namespace azimuth::cli
