#pragma once

namespace CLI {
class App;
}

namespace azimuth::cli {

/// Parses a command line and so runs the call that it names. Whatever is wrong is a line on
/// standard error, as every call has it. Returns what the program exits with.
int run_calls(CLI::App& app, int argc, char** argv);

}  // namespace azimuth::cli
