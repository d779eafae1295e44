#pragma once

#include <cstdint>
#include <string>

#include "azimuth/observation.h"
#include "azimuth/signature.h"

namespace azimuth {

/// The longest hidden state of a probe, against the reference norm of its block.
struct LargestRatio {
  double ratio = kNotApplicable;
  std::int32_t block = -1;     ///< from 1; -1: not known
  std::int64_t token_id = -1;  ///< -1: not known
};

/// In the primary stage, or without one in the whole model, the embedding apart: `ratio` is
/// `peak_ratio`, and this says where it is.
LargestRatio largest_ratio(const Observation& observation);

/// "the largest norm ratio is 1.83, at block 3, of token 17"; empty where there is none.
std::string largest_ratio_text(const Observation& observation);

/// That there is no high-norm direction is a finding: "ABSENT: no token is high-norm; the largest
/// norm ratio is 1.83, at block 3, of token 17". Empty where a token is high-norm, and
/// where hidden states are not finite. A provisional direction is none. Thread-safe; throws nothing
/// but std::bad_alloc.
std::string absence_text(const Observation& observation);
std::string absence_text(const Signature& signature);

}  // namespace azimuth
