#pragma once

#include <filesystem>

#include "azimuth/tensor_view.h"

namespace azimuth {

/// The tensors of a safetensors file or a checkpoint of PyTorch, told apart by what is in it.
/// Throws FileError.
NamedTensors read_model_tensors(const std::filesystem::path& file);

}  // namespace azimuth
