#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "azimuth/shrunk_files.h"
#include "compare.h"
#include "completion.h"
#include "exit_codes.h"
#include "history.h"
#include "inspect.h"
#include "manual.h"
#include "printable.h"
#include "report.h"
#include "signature.h"
#include "watch.h"

using azimuth::cli::kBadInput;
using azimuth::cli::kUsage;

int main(int argc, char** argv) {
  azimuth::exit_when_a_file_shrinks(kBadInput);
  CLI::App app("Measures the high-norm direction of language models.", "azimuth");
  app.set_version_flag("--version", "azimuth " AZIMUTH_VERSION);
  app.require_subcommand(1);
  // One line, as every error.
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("azimuth: ") + error.what() + " (azimuth --help)\n";
  });
  app.footer("Example:\n  azimuth inspect ./SmolLM2-135M-Instruct --plot norms.svg");
  azimuth::cli::add_inspect(app);
  azimuth::cli::add_signature(app);
  azimuth::cli::add_compare(app);
  azimuth::cli::add_history(app);
  azimuth::cli::add_report(app);
  azimuth::cli::add_watch(app);
  azimuth::cli::add_completion(app);
  azimuth::cli::add_manual(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_name() == "RequiredError" && argc > 1 && argv[1][0] != '-' &&
        app.get_subcommands().empty()) {
      std::fprintf(stderr, "azimuth: '%s' is no call of azimuth; azimuth --help lists them\n",
                   argv[1]);
      return kUsage;
    }
    const int code = app.exit(error);
    return code == 0 ? 0 : kUsage;
  } catch (const std::exception& error) {
    // Errors of the core say so themselves, those of files begin with the file.
    const std::string what = azimuth::cli::printable(error.what());  // a path may hold a line's end
    const bool has_name = what.starts_with("azimuth: ");
    std::fprintf(stderr, "%s%s\n", has_name ? "" : "azimuth: ", what.c_str());
    return kBadInput;
  }
  return 0;
}
