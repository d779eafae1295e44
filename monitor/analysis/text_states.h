#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "azimuth/not_applicable.h"

namespace azimuth {

/// What is kept of one block, over all sequences.
struct TextBlockStates {
  std::vector<double> medians;         ///< of a sequence's norms, the ordinary token's
  std::vector<double> initial_norms;   ///< of every initial token
  std::vector<double> others_norms;    ///< of high-norm tokens elsewhere
  std::vector<double> growths;         ///< of all high-norm tokens
  std::int64_t high_norm_initial = 0;  ///< how many initial ones
  Eigen::VectorXd sum;                 ///< of the high-norm hidden states
  double norms = 0;                    ///< sum of theirs

  void add(const Eigen::VectorXd& states) {
    if (sum.size() == 0) sum = Eigen::VectorXd::Zero(states.size());
    sum += states;
  }
};

/// What is kept of one token, over all its occurrences.
struct TokenStates {
  std::int64_t occurrences = 0;
  std::int64_t high_norm = 0;
  double peak_ratio = 0;
  std::int32_t first_block = 0;  ///< the first of all at which it was high-norm
  std::int32_t last_block = 0;
  // Of the occurrence with the largest ratio.
  std::int32_t explosion_block = 0;  ///< at which that became high-norm, or was expected to
  double response = kNotApplicable;  ///< norm of what the block added behind its attention
};

using TokensById = std::unordered_map<std::int64_t, TokenStates>;

/// The norms of one sequence, block by block (docs/method.md, 9).
class SequenceStates {
 public:
  /// `expected`: for each position the block at which its token explodes by itself; 0: none.
  SequenceStates(std::vector<TextBlockStates>& blocks, double high_norm_ratio,
                 std::vector<std::int32_t> expected);

  struct Positions {
    std::vector<std::int64_t> high;   ///< of high-norm tokens: their sum goes to the block's
    std::vector<std::int64_t> asked;  ///< those whose response is wanted
  };
  /// Behind block `block`, from 0 on: the median norm, and what the norm at each position is to it,
  /// in float32, in which a state is high-norm or is not, wherever that is decided.
  Positions add(std::int32_t block, double median, std::span<const float> ratios);
  /// Norm of what the block added behind its attention.
  void respond(std::int64_t position, double response);

  /// Adds each position to the token that stands there, the first to `initial`.
  void count(std::span<const std::int64_t> ids, TokensById& initial, TokensById& others) const;

 private:
  struct Position {
    double peak_ratio = 0;
    std::int32_t first_block = 0;  // 0: never high-norm
    std::int32_t last_block = 0;
    double response = kNotApplicable;  // at that, or at the expected one
  };

  std::vector<TextBlockStates>& blocks_;
  float high_norm_ratio_;
  std::vector<std::int32_t> expected_;
  std::vector<Position> positions_;
  std::vector<double> last_norms_;
};

}  // namespace azimuth
