// azimuth-text: what `azimuth` becomes where it is given a text to run a model on.

#include <torch/utils.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <memory>
#include <span>

#include "azimuth/perplexity.h"
#include "azimuth/shrunk_files.h"
#include "calls/inspect.h"
#include "terminal/exit_codes.h"
#include "terminal/progress_bar.h"
#include "terminal/run_calls.h"
#include "text/opened_text.h"

namespace azimuth::cli {
namespace {

TextObservation observe(const OpenedText& text) {
  const torch::NoGradGuard no_grad;
  ProgressBar bar("reading text");
  bar.begin(text.windows.size());
  Perplexity perplexity;
  for (std::int64_t i = 0; i < text.windows.size(); ++i) {
    next_part(&bar);
    const at::Tensor ids = text.windows.sequence(i);
    perplexity.add(text.decoder.forward(ids), ids);
  }
  TextObservation observed = text.method;
  observed.perplexity = perplexity.value();
  return observed;
}

ObserveText open(const ModelWeights& weights, const std::string& checkpoint,
                 const TextOptions& options) {
  return [text = open_text(weights, checkpoint, options, kMostInspected)](
             Observation& observation) { observation.text = observe(text); };
}

}  // namespace
}  // namespace azimuth::cli

int main(int argc, char** argv) {
  azimuth::exit_when_a_file_shrinks(azimuth::cli::kBadInput);
  CLI::App app("What of azimuth runs a model: calls with --text.", "azimuth");
  azimuth::cli::add_inspect(app, {argv, static_cast<std::size_t>(argc)}, azimuth::cli::open);
  return azimuth::cli::run_calls(app, argc, argv);
}
