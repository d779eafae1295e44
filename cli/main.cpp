#include <CLI/CLI.hpp>
#include <cstddef>
#include <span>

#include "azimuth/shrunk_files.h"
#include "calls/audit.h"
#include "calls/compare.h"
#include "calls/history.h"
#include "calls/inspect.h"
#include "calls/lineage.h"
#include "calls/quantize.h"
#include "calls/report.h"
#include "calls/signature.h"
#include "calls/verify.h"
#include "calls/watch.h"
#include "help/completion.h"
#include "help/manual.h"
#include "terminal/exit_codes.h"
#include "terminal/run_calls.h"

int main(int argc, char** argv) {
  azimuth::exit_when_a_file_shrinks(azimuth::cli::kBadInput);
  CLI::App app("Measures the high-norm direction of language models.", "azimuth");
  app.footer(
      "Example:\n  azimuth inspect ./SmolLM2-135M-Instruct --plot norms.svg\n"
      "'man azimuth' has everything on one page, exit codes too.");
  const std::span<char* const> words(argv, static_cast<std::size_t>(argc));
  azimuth::cli::add_inspect(app, words);
  azimuth::cli::add_signature(app);
  azimuth::cli::add_compare(app);
  azimuth::cli::add_audit(app);
  azimuth::cli::add_lineage(app);
  azimuth::cli::add_verify(app);
  azimuth::cli::add_history(app);
  azimuth::cli::add_report(app);
  azimuth::cli::add_quantize(app, words);
  azimuth::cli::add_watch(app, words);
  azimuth::cli::add_completion(app);
  azimuth::cli::add_manual(app);
  return azimuth::cli::run_calls(app, argc, argv);
}
