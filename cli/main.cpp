#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "azimuth/shrunk_files.h"
#include "calls/audit.h"
#include "calls/compare.h"
#include "calls/history.h"
#include "calls/inspect.h"
#include "calls/lineage.h"
#include "calls/report.h"
#include "calls/signature.h"
#include "calls/verify.h"
#include "calls/watch.h"
#include "help/completion.h"
#include "help/manual.h"
#include "terminal/exit_codes.h"
#include "terminal/printable.h"

using azimuth::cli::kBadInput;
using azimuth::cli::kUsage;

int main(int argc, char** argv) {
  azimuth::exit_when_a_file_shrinks(kBadInput);
  CLI::App app("Measures the high-norm direction of language models.", "azimuth");
  app.set_version_flag("--version", "azimuth " AZIMUTH_VERSION);
  app.require_subcommand(1);
  // On one line, like every error.
  app.failure_message([](const CLI::App* root, const CLI::Error& error) {
    const auto calls = root->get_subcommands();
    return std::string("azimuth: ") + error.what() + " (azimuth " +
           (calls.empty() ? "" : calls.front()->get_name() + " ") + "--help)\n";
  });
  app.footer(
      "Example:\n  azimuth inspect ./SmolLM2-135M-Instruct --plot norms.svg\n"
      "'man azimuth' has everything on one page, exit codes too.");
  azimuth::cli::add_inspect(app);
  azimuth::cli::add_signature(app);
  azimuth::cli::add_compare(app);
  azimuth::cli::add_audit(app);
  azimuth::cli::add_lineage(app);
  azimuth::cli::add_verify(app);
  azimuth::cli::add_history(app);
  azimuth::cli::add_report(app);
  azimuth::cli::add_watch(app, {argv, static_cast<std::size_t>(argc)});
  azimuth::cli::add_completion(app);
  azimuth::cli::add_manual(app);
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
    std::fprintf(stderr, "azimuth: %s\n", azimuth::cli::printable(error.what()).c_str());
    return kBadInput;
  }
  return 0;
}
