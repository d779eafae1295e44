#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/tensor_view.h"

namespace azimuth {

/// Takes out `further` blocks that stand in published files behind the `blocks` of the model, and
/// predict further tokens: Transformers leaves them out too. `stem` is what stands before the
/// number of a block in names: "layers.", "blk.". Says so, a line a block.
std::vector<std::string> leave_further_blocks_out(std::string_view stem, std::int64_t blocks,
                                                  std::int64_t further, NamedTensors& tensors);

}  // namespace azimuth
