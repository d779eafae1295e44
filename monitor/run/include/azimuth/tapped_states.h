#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "azimuth/not_applicable.h"

namespace azimuth {

/// What is kept of hidden states that were tapped behind one block, of sequences of equal length:
/// four bytes a token, a sequence and a number of the hidden size, and eight a token where ids are
/// given.
struct TappedStates {
  double median = kNotApplicable;  ///< of the norms of all tokens; not finite: not tapped
  std::vector<float> medians;      ///< of the norms of each sequence
  std::vector<float> ratios;       ///< of each token, sequence by sequence: norm to that median
  std::vector<float> sum;          ///< of the states whose ratio is not below that asked for
  std::vector<std::int64_t> ids;   ///< as `ratios`; empty: not given
};

/// Begins to compute them, and returns what gives them. Takes the ratio from which on a state is
/// high-norm, which holds in float32.
using StatesToCome = std::function<std::function<TappedStates()>(double high_norm_ratio)>;

}  // namespace azimuth
