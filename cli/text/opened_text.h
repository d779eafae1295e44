#pragma once

#include <cstdint>
#include <string>

#include "azimuth/decoder.h"
#include "azimuth/model_weights.h"
#include "azimuth/text_windows.h"
#include "calls/text_options.h"

namespace azimuth::cli {

/// A text that a model reads.
struct OpenedWindows {
  TextWindows windows;
  std::string ids_digest;
  std::int64_t first_token_id = -1;  ///< in front of each sequence; -1: nothing is
};

/// Where `options` do not say how many sequences, at most `most` are read; `behind` more in any
/// case. Throws FileError: a file of ids that is none, is of another tokenizer or too short.
OpenedWindows open_windows(const ModelWeights& weights, const std::string& checkpoint,
                           const TextOptions& options, std::int64_t most, std::int64_t behind = 0);

/// A model that runs, in float32 on the CPU, and the text that it reads.
struct OpenedText {
  Decoder decoder;
  OpenedWindows text;
};

/// `checkpoint` is where `weights` come from. Throws FileError as open_windows, and where the
/// decoder does not run the model.
OpenedText open_text(const ModelWeights& weights, const std::string& checkpoint,
                     const TextOptions& options, std::int64_t most, std::int64_t behind = 0);

}  // namespace azimuth::cli
