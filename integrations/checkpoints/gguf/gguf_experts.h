#pragma once

#include <cstdint>
#include <filesystem>

#include "azimuth/tensor_view.h"

namespace azimuth {

/// Puts in the place of each tensor that holds the matrices of all experts
/// (`blk.0.ffn_up_exps.weight`, {experts, outputs, inputs}) views of one expert each, named as
/// older files name them (`blk.0.ffn_up.3.weight`). Throws FileError: another shape, another number
/// of experts than `experts`, too many of them, a type that is not read.
void split_experts(const std::filesystem::path& file, std::int64_t experts, NamedTensors& tensors);

}  // namespace azimuth
