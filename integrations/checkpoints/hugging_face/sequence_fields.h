#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "azimuth/sequences.h"
#include "hugging_face/config_fields.h"

// How the fields of a config.json are read that sequences of several tokens need. Source:
// modeling_rope_utils.py and each family's files of Hugging Face Transformers 5.24.
namespace azimuth::family {

/// What a family's class has where the file says nothing, or always.
struct SequenceFacts {
  bool rotary = true;
  double base = 10'000;
  double turning = 0;  ///< part of a head that turns; 0: all of it, and no file can say otherwise
  bool neighbours = false;
  bool tied = false;
  bool query_norms = false;
};

/// Of the object that holds a rotary's settings; `otherwise` is the object around it, where older
/// files have some of them. A setting that is not known is refused.
Rotary read_rotary(const ConfigFields& rope, const ConfigFields& otherwise, std::int64_t head_size,
                   const SequenceFacts& facts);

/// What YaRN multiplies with, of queries and keys each (arXiv 2309.00071, equation 22; `multiplier`
/// is DeepSeek's `mscale`).
double yarn_magnitude(double factor, double multiplier);

/// Those settings of a model that has one rotary for all blocks.
ConfigFields rotary_settings(const ConfigFields& fields);

/// How many tokens of a window there are; null: 0, there is none.
std::int64_t read_window(const ConfigFields& fields, std::int64_t otherwise);

/// Which blocks have a window, from `layer_types`; where that is not there, `otherwise` says it of
/// a block from 0.
std::vector<bool> read_sliding(const ConfigFields& fields, std::int64_t blocks,
                               const std::function<bool(std::int64_t)>& otherwise);

}  // namespace azimuth::family
