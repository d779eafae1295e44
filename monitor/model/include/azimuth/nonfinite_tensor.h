#pragma once

#include <cstdint>
#include <string>

namespace azimuth {

/// A tensor that holds a number which is NaN or infinite.
struct NonfiniteTensor {
  std::string name;        ///< as its source calls it
  std::int64_t block = 0;  ///< from 1; 0 for tensors outside the blocks
  bool update = false;     ///< it is not the weight of that name, but what an adapter adds to it
};

}  // namespace azimuth
