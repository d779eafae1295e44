#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Adds the call `azimuth quantize`, which runs when the command line has been parsed.
void add_quantize(CLI::App& app);

}  // namespace azimuth::cli
