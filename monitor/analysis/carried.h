#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace azimuth {

/// What goes through the blocks with the tokens of a pass beside their hidden states, a column a
/// token. Most models have none of it.
template <class Columns>
struct Carried {
  Columns per_layer;             ///< what tokens' ids give the blocks, one below the other
  std::vector<Columns> streams;  ///< residual streams behind the first
  std::map<std::int64_t, Columns> values;  ///< of attention, by the block that they are of
};

}  // namespace azimuth
