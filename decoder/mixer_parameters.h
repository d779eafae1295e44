#pragma once

#include <cstdint>
#include <string>

#include "azimuth/mixers.h"
#include "azimuth/roles.h"

namespace azimuth {

/// What a walk over the parameters of mixers calls.
class MixerParts {
 public:
  virtual ~MixerParts() = default;

  /// `member` from 0: which expert; -1: of none. `of_norm`: what it reads is what the mixer's norm
  /// gives, of all tokens or those that an expert gets.
  virtual void projection(Role weight, Role bias, std::int64_t member, const Projection& projection,
                          bool of_norm) = 0;
  /// `rows` > 1: that of a matrix, row after row.
  virtual void vector(Role role, const Eigen::VectorXf& vector, std::int64_t rows) = 0;
};

/// Calls `parts` with all that a mixer multiplies with or adds, by the role that it plays in a
/// checkpoint which keeps each by itself. `alone`: it is the only one of its block, or has the norm
/// of the first. Returns why a decoder cannot run it, in words; empty: it can.
std::string walk(const Mixer& mixer, bool alone, MixerParts& parts);

}  // namespace azimuth
