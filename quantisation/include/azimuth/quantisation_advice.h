#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "azimuth/model_weights.h"
#include "azimuth/observation.h"
#include "azimuth/progress.h"
#include "azimuth/roles.h"
#include "azimuth/workers.h"

namespace azimuth {

/// Rows of the pseudo-sequence that the advice is made of: as many tokens as a sequence usually has
/// that one scale of int8 stands for.
inline constexpr std::int64_t kAdviceRows = 512;

struct AdviceOptions {
  /// What stands at a sequence's beginning. Empty: the first special token of the observation,
  /// which is the BOS where there is one, if it is high-norm; else three ids spread evenly over the
  /// vocabulary.
  std::vector<std::int64_t> first_token_ids = {};
};

/// A down projection in int8, weight and input, all else in float (docs/quantisation.md). The
/// experts of a mixture count together, each with scales of its own: a token goes to a few of them,
/// so that for most experts nothing of it is seen by the median over tokens.
struct DownProjection {
  std::int32_t block = 0;         ///< from 1
  Role role = Role::down_weight;  ///< or shared_down_weight: of the expert that all tokens go to
  std::int32_t experts = 0;       ///< how many of a mixture; 0: it is one matrix
  std::int32_t rank = 0;          ///< from 1, by score
  bool kept = false;              ///< the advice is to keep it, weight and input, in float
  /// Power of the noise that int8 puts into the residual stream, relative to the stream behind the
  /// block: the median over ordinary tokens.
  double score = kNotApplicable;
  bool explosion_block = false;  ///< its block is one, of some stage of the observation
  bool decay_block = false;
  /// Of what the matrix reads: the largest number (absolute) of the first token and of all others,
  /// the median root mean square of a token among the others, and the larger of the first two
  /// divided by the third. Of several first tokens, for that with the middle score; of experts, for
  /// that with the largest ratio.
  double first_peak = kNotApplicable;
  double others_peak = kNotApplicable;
  double typical = kNotApplicable;
  double outlier_ratio = kNotApplicable;
  std::int32_t expert = -1;     ///< from 0: which expert those are of; -1: it is one matrix
  std::int64_t parameters = 0;  ///< numbers in the matrix, or in those of all experts
  StoredType kept_as = StoredType::f16;  ///< as it is stored; f16 where that is quantised
  std::int64_t extra_bytes = 0;  ///< what keeping it as that takes more than a byte a number does
};

struct QuantisationAdvice {
  std::vector<DownProjection> projections = {};  ///< by rank
  double total_score = 0;
  std::vector<std::int64_t> first_token_ids = {};
  /// Why none is kept, a sentence without its stop: int8 costs nothing that counts, no small set
  /// helps, hidden states are not finite (then there are no `projections`). Empty: some are.
  std::string nothing_to_keep = {};

  std::int64_t kept() const;  ///< how many: the first so many of `projections`
  std::int64_t kept_parameters() const;
  std::int64_t kept_extra_bytes() const;
};

/// Which down projections are worth keeping in float where all linear maps of the blocks become
/// int8 with one scale a weight and one an input: the fewest that have 0.9 of all scores. From
/// weights alone; docs/quantisation.md has the formula, and what weights do not show. `observation`
/// is that of the same weights, with its stages. A block is a part of `progress`. The weights must
/// hold every embedding, as a file's do. Throws std::out_of_range for an id outside the vocabulary,
/// Cancelled. One call at a time with the same `workers`. Takes about two passes of 512 tokens,
/// and holds what each matrix of one block reads and gives of them.
///
///     const Examination examined = examine(weights, {}, workers);
///     const QuantisationAdvice advice = advise(weights, examined.observation, {}, workers);
QuantisationAdvice advise(const ModelWeights& weights, const Observation& observation,
                          const AdviceOptions& options, Workers& workers,
                          Progress* progress = nullptr);

}  // namespace azimuth
