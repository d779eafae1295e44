#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "azimuth/decoder.h"
#include "azimuth/progress.h"
#include "azimuth/quantisation_evaluation.h"

namespace azimuth {

/// A down projection that may be kept in float.
struct KeepableWeight {
  WeightPlace place;
  std::int64_t bytes = 0;  ///< that it takes more than rounded
};

/// What is to be measured.
struct EvaluationPlan {
  QuantisationScheme scheme;
  std::vector<KeepableWeight> ranking;  ///< all of them, that most worth keeping first
  std::size_t advised = 0;              ///< how many of these, from the first, are advised
  std::vector<std::int64_t>
      paper_blocks;  ///< explosion and decay blocks, of which the paper speaks
};

/// Measures the perplexity of each set of matrices kept in float (`MeasuredSet::Kind`) on `text`,
/// {sequences, tokens} of int64, and SmoothQuant calibrated on `calibration`, of the same kind.
/// Sets that would be empty are left out, but for `all_down`: without a ranking it is
/// round-to-nearest once more.
///
/// Greedy adds the down projection that lowers the perplexity most, one after the other, until 90%
/// is recovered of what round-to-nearest loses, or of what all down projections recover, where
/// these recover less. Gains of an earlier round are the order to look in (they seldom grow): each
/// round measures the best four anew, and goes on while the best is an old one. Blocks in front of
/// the one that changes are computed once a round. Then down the ranking, one more at a time, to
/// the same goal (`QuantisationEvaluation::order`): sets that have been measured are not measured
/// again. Both are left out for more than 200 down projections.
///
/// Memory: beside the decoder one byte a weight of its blocks, logits of a sequence, and a hidden
/// state a token of a sequence and block. LibTorch's threads; `progress` (null: nobody waits) is
/// told of each sequence, of which the number is an estimate. Throws what Decoder::forward and
/// QuantisedProducts throw, std::domain_error where a perplexity is not finite, Cancelled.
QuantisationEvaluation evaluate_quantisation(const Decoder& decoder, const at::Tensor& text,
                                             const at::Tensor& calibration,
                                             const EvaluationPlan& plan,
                                             Progress* progress = nullptr);

}  // namespace azimuth
