#pragma once

#include <cstdint>
#include <string>

#include "azimuth/not_applicable.h"

namespace azimuth {

/// What a model does on a text, the first sequences of a file of token ids: `Text` of azimuth.v1.
struct TextObservation {
  std::string ids_digest;  ///< SHA-256 of the file, hexadecimal
  std::int64_t sequences = 0;
  std::int64_t length = 0;           ///< tokens of each, `first_token_id` among them
  std::int64_t first_token_id = -1;  ///< put in front of each; -1: nothing
  double perplexity = kNotApplicable;
};

}  // namespace azimuth
