#include "terminal/run_calls.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "terminal/exit_codes.h"
#include "terminal/printable.h"

namespace azimuth::cli {

int run_calls(CLI::App& app, int argc, char** argv) {
  app.set_version_flag("--version", "azimuth " AZIMUTH_VERSION);
  app.require_subcommand(1);
  // On one line, like every error.
  app.failure_message([](const CLI::App* root, const CLI::Error& error) {
    const auto calls = root->get_subcommands();
    return std::string("azimuth: ") + error.what() + " (azimuth " +
           (calls.empty() ? "" : calls.front()->get_name() + " ") + "--help)\n";
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_name() == "RequiredError" && argc > 1 && argv[1][0] != '-' &&
        app.get_subcommands().empty()) {
      std::fprintf(stderr, "azimuth: '%s' is an unknown command; azimuth --help lists them\n",
                   argv[1]);
      return kUsage;
    }
    const int code = app.exit(error);
    if (error.get_name() == "RuntimeError") return code;  // of a call that has done its work
    return code == 0 ? 0 : kUsage;
  } catch (const std::exception& error) {
    // A path may hold a newline.
    std::fprintf(stderr, "azimuth: %s\n", printable(error.what()).c_str());
    return kBadInput;
  }
  return 0;
}

}  // namespace azimuth::cli
