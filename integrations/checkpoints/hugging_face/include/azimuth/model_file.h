#pragma once

#include <filesystem>

#include "azimuth/file_error.h"
#include "azimuth/model_weights.h"

namespace azimuth {

/// The weights of a model in one file, which says nothing of the model itself: a safetensors file
/// or a checkpoint of PyTorch (see SafetensorsFile and PyTorchFile), told apart by what is in it,
/// whatever its name. `config` is the `config.json` that Hugging Face Transformers has for the
/// model (see HuggingFaceConfig); `names` says which parameter plays which role where they have
/// names of their own. Mapped and not inflated.
///
/// Throws FileError for everything that is wrong with the two: a file that is missing, damaged or
/// of another format, a tensor that is missing or has the wrong shape, a hidden size, number of
/// blocks or vocabulary that is not that of `config`.
///
///     const ModelWeights weights = load_model_file("step-1000.ckpt", "SmolLM2-135M/config.json");
ModelWeights load_model_file(const std::filesystem::path& file, const std::filesystem::path& config,
                             const RoleNames& names = {});

}  // namespace azimuth
