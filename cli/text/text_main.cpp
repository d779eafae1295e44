// azimuth-text: what `azimuth` becomes where it is given a text to run a model on.

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/shrunk_files.h"
#include "azimuth/text_study.h"
#include "azimuth/token_strings.h"
#include "azimuth/workers.h"
#include "calls/inspect.h"
#include "calls/measure.h"
#include "terminal/exit_codes.h"
#include "terminal/progress_bar.h"
#include "terminal/run_calls.h"
#include "text/opened_evaluation.h"
#include "text/opened_text.h"

namespace azimuth::cli {
namespace {

TextObservation observe(const OpenedText& opened, const ModelWeights& weights,
                        const KnownForText& known, const Observation& observation) {
  Workers workers(all_cores());
  TextStudy study({weights, observation, known.vectors, known.vocabulary}, workers);
  ProgressBar bar("reading text");
  const TextWindows& windows = opened.text.windows;
  bar.begin(windows.size());
  for (std::int64_t i = 0; i < windows.size(); ++i) {
    next_part(&bar);
    study.read(opened.decoder, windows.sequence(i));
  }
  TextObservation observed = study.result();
  observed.ids_digest = opened.text.ids_digest;
  observed.sequences = windows.size();
  observed.length = windows.length();
  observed.first_token_id = opened.text.first_token_id;
  return observed;
}

void spell(std::vector<TextToken>& tokens, const std::vector<std::string>& spellings) {
  for (TextToken& token : tokens) {
    if (token.id < std::ssize(spellings)) {
      token.spelling = spellings[static_cast<std::size_t>(token.id)];
    }
  }
}

ObserveText open(const ModelWeights& weights, const std::string& checkpoint,
                 const TextOptions& options) {
  return [opened = open_text(weights, checkpoint, options, kMostInspected), &weights,
          spellings = read_token_spellings(checkpoint)](const KnownForText& known,
                                                        Observation& observation) {
    TextObservation observed = observe(opened, weights, known, observation);
    spell(observed.initial_tokens, spellings);
    spell(observed.other_tokens, spellings);
    observation.text = std::move(observed);
  };
}

}  // namespace
}  // namespace azimuth::cli

int main(int argc, char** argv) {
  azimuth::exit_when_a_file_shrinks(azimuth::cli::kBadInput);
  CLI::App app("What of azimuth runs a model: calls with --text.", "azimuth");
  const std::span<char* const> words(argv, static_cast<std::size_t>(argc));
  azimuth::cli::add_inspect(app, words, azimuth::cli::open);
  azimuth::cli::add_quantize(app, words, azimuth::cli::open_evaluation);
  return azimuth::cli::run_calls(app, argc, argv);
}
