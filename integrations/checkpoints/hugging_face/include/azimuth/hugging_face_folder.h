#pragma once

#include <filesystem>

#include "azimuth/file_error.h"
#include "azimuth/model_weights.h"

namespace azimuth {

/// The weights of a model as Hugging Face Transformers saves it: a folder with `config.json` and
/// the weights. Of several forms of them the first that is there is read, as Transformers does:
/// `model.safetensors`, shards that `model.safetensors.index.json` names, `pytorch_model.bin`,
/// shards that `pytorch_model.bin.index.json` names; of a shard, the tensors that the index says
/// are in it. Mapped and not inflated (see SafetensorsFile and PyTorchFile).
///
/// `config` is read in the place of the folder's own config.json, which may then be missing, as in
/// the folders that Accelerate's save_state writes. `names` says which parameter plays which role
/// where they have names of their own.
///
/// Throws FileError for everything that is wrong with the folder: a file that is missing, damaged
/// or outside the folder, a tensor that is missing or has the wrong shape, a hidden size, number of
/// blocks or vocabulary that is not that of config.json.
///
///     const ModelWeights weights = load_hugging_face("SmolLM2-135M");
ModelWeights load_hugging_face(const std::filesystem::path& folder,
                               const std::filesystem::path& config = {},
                               const RoleNames& names = {});

}  // namespace azimuth
