#include "calls/text_options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "calls/sibling_program.h"

namespace azimuth::cli {

void add_text_options(CLI::App& call, TextOptions& options, std::int64_t most) {
  CLI::Option* const text =
      call.add_option("--text", options.ids,
                      "Token ids of a text to run the model on; scripts/tokenize makes them");
  call.add_option("--sequences", options.sequences,
                  "Sequences of the text, from its beginning; without it as many as there are, at "
                  "most " +
                      std::to_string(most))
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->needs(text);
  call.add_option("--length", options.length, "Tokens of a sequence")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{65'536}))
      ->needs(text)
      ->capture_default_str();
}

void become_azimuth_text(std::span<char* const> words) {
  // OpenMP's threads wait for each other by counting, which on a busy machine can take twice the
  // time of the work itself. It looks only once, as it is loaded.
  setenv("OMP_WAIT_POLICY", "passive", /*overwrite=*/0);
  become("azimuth-text", words.subspan(1),
         "the package azimuth-text has it, which is built where LibTorch is (target "
         "azimuth_text_program)");
}

}  // namespace azimuth::cli
