#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "azimuth/not_applicable.h"

namespace azimuth {

// What a model does on a text: `Text` of azimuth.v1, which says of each field what it is
// (docs/method.md, 9).

struct TextBlock {
  std::int32_t block = 0;
  double reference_norm = kNotApplicable;
  std::int64_t high_norm_initial = 0;
  std::int64_t high_norm_others = 0;
  double initial_norm = kNotApplicable;
  double others_norm = kNotApplicable;
  double growth = kNotApplicable;
  double angle_to_weights = kNotApplicable;
  double singular_angle = kNotApplicable;
  double eigen_angle = kNotApplicable;
};

struct TextStage {
  std::int64_t states = 0;
  double alignment = kNotApplicable;
  double angle_to_weights = kNotApplicable;
  std::vector<float> direction;
};

struct TextToken {
  std::int64_t id = 0;
  std::string spelling;
  std::int64_t occurrences = 0;
  std::int64_t high_norm = 0;
  double peak_ratio = kNotApplicable;
  std::int32_t first_block = 0;
  std::int32_t last_block = 0;
  double ratio_alone = kNotApplicable;
  std::int32_t explosion_block = 0;
  double response = kNotApplicable;
  double response_alone = kNotApplicable;
};

struct TextPrediction {
  std::int64_t predicted = 0;
  std::int64_t exploded = 0;
  std::int64_t both = 0;
  double precision = kNotApplicable;
  double recall = kNotApplicable;
};

/// Of the first sequences of a file of token ids, or of a pass that a training program has tapped.
struct TextObservation {
  std::string ids_digest;  ///< SHA-256 of the file, hexadecimal; empty where states were tapped
  std::int64_t sequences = 0;
  std::int64_t length = 0;           ///< tokens of each, `first_token_id` among them
  std::int64_t first_token_id = -1;  ///< put in front of each; -1: nothing
  double perplexity = kNotApplicable;
  std::vector<TextBlock> blocks = {};  ///< from 0
  std::vector<TextStage> stages = {};  ///< as those of weights; one where these have none
  std::vector<TextToken> initial_tokens = {};
  std::vector<TextToken> other_tokens = {};
  TextPrediction types = {};
  TextPrediction occurrences = {};
};

}  // namespace azimuth
