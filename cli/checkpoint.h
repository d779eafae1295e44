#pragma once

#include <filesystem>

#include "azimuth/model_weights.h"

namespace azimuth::cli {

/// The weights of a model that a person names: a Hugging Face folder, or a GGUF file. Mapped, not
/// loaded. Throws FileError.
ModelWeights open_checkpoint(const std::filesystem::path& path);

}  // namespace azimuth::cli
