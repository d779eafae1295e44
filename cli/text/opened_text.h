#pragma once

#include <cstdint>
#include <string>

#include "azimuth/decoder.h"
#include "azimuth/model_weights.h"
#include "azimuth/observation.h"
#include "azimuth/text_windows.h"
#include "calls/text_options.h"

namespace azimuth::cli {

/// A text that a model reads.
struct OpenedWindows {
  TextWindows windows;
  std::string ids_digest;
  std::int64_t first_token_id = -1;  ///< in front of each sequence; -1: nothing is
};

/// Throws FileError: a file of ids that is none, is of another tokenizer or too short.
OpenedWindows open_windows(const ModelWeights& weights, const std::string& checkpoint,
                           const TextOptions& options, std::int64_t most);

/// A model that runs, in float32 on the CPU, and the text that it reads.
struct OpenedText {
  Decoder decoder;
  TextWindows windows;
  /// What is known of the text before it is read: method alone.
  TextObservation method;
};

/// `checkpoint` is where `weights` come from; where `options` do not say how many sequences, at
/// most `most` are read. Throws FileError: a file of ids that is none, is of another tokenizer or
/// too short, or a model that the decoder does not run.
OpenedText open_text(const ModelWeights& weights, const std::string& checkpoint,
                     const TextOptions& options, std::int64_t most);

}  // namespace azimuth::cli
