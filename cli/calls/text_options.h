#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "azimuth/model_weights.h"

namespace CLI {
class App;
}

namespace azimuth::cli {

/// What calls take that run a model on a text.
struct TextOptions {
  std::filesystem::path ids;   ///< empty: no text
  std::int64_t sequences = 0;  ///< 0: as many as there are, but not more than the call says
  std::int64_t length = 512;
};

/// `--text`, `--sequences` and `--length`; without `--sequences` at most `most` are read.
void add_text_options(CLI::App& call, TextOptions& options, std::int64_t most);

/// Becomes the program azimuth-text, which alone loads LibTorch, with `words`, the command line of
/// this one, argv. Throws FileError where it is not there.
[[noreturn]] void become_azimuth_text(std::span<char* const> words);

}  // namespace azimuth::cli
