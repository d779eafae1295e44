#pragma once

#include <filesystem>

#include "azimuth/architecture.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// Puts in the place of each tensor that holds several matrices views of one each: of all experts
/// (`blk.0.ffn_up_exps.weight`, {experts, outputs, inputs}), and their biases, where they have
/// some, named as older files name them (`blk.0.ffn_up.3.weight`), and of all further residual
/// streams (`altup_proj.weight`: `altup_proj.0.weight`). Throws FileError: another shape, another
/// number of matrices than there are experts or streams, too many of them, a type that is not read.
void split_stacked(const std::filesystem::path& file, const Architecture& architecture,
                   NamedTensors& tensors);

}  // namespace azimuth
