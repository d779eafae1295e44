#pragma once

#include <ATen/core/Tensor.h>

#include <Eigen/Core>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace azimuth {

/// What is kept of one block, over all sequences.
struct BlockStates {
  std::vector<double> medians;         ///< of a sequence's norms, the ordinary token's
  std::vector<double> initial_norms;   ///< of every initial token
  std::vector<double> others_norms;    ///< of high-norm tokens elsewhere
  std::vector<double> growths;         ///< of all high-norm tokens
  std::int64_t high_norm_initial = 0;  ///< how many initial ones
  Eigen::VectorXd sum;                 ///< of the high-norm hidden states
  double norms = 0;                    ///< sum of theirs
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
  double response = 0;               ///< norm of what the block added behind its attention
};

/// The hidden states of one sequence, block by block as a decoder shows them.
class SequenceStates {
 public:
  /// `expected`: for each position the block at which its token explodes by itself; 0: none.
  SequenceStates(std::vector<BlockStates>& blocks, double high_norm_ratio,
                 std::vector<std::int32_t> expected);

  /// Behind block `block`; `before` is what the residual stream was behind its attention. Both are
  /// {length, hidden_size}.
  void add(std::int32_t block, const at::Tensor& states, const at::Tensor& before);

  /// Adds each position to the token that stands there, the first to `initial`.
  void count(const at::Tensor& ids, std::unordered_map<std::int64_t, TokenStates>& initial,
             std::unordered_map<std::int64_t, TokenStates>& others) const;

 private:
  struct Position {
    double peak_ratio = 0;
    std::int32_t first_block = 0;  // 0: never high-norm
    std::int32_t last_block = 0;
    double response = 0;  // at that, or at the expected one
  };

  std::vector<BlockStates>& blocks_;
  double high_norm_ratio_;
  std::vector<std::int32_t> expected_;
  std::vector<Position> positions_;
  std::vector<double> last_norms_;
};

}  // namespace azimuth
