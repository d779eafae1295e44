#pragma once

#include <filesystem>
#include <functional>

#include "azimuth/model_weights.h"

namespace azimuth {

/// The weights that `read` gives, as the model that the config.json at `config` describes; `names`
/// are those of its parameters that the tables do not know. Throws
/// FileError: what is wrong with `config`, with the tensors (naming `model`, the file or folder
/// that they are from), or a hidden size, number of blocks or vocabulary that differs.
ModelWeights load_configured_model(const std::filesystem::path& model,
                                   const std::filesystem::path& config, const RoleNames& names,
                                   const std::function<NamedTensors()>& read);

}  // namespace azimuth
