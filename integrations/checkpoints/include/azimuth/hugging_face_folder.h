#pragma once

#include <filesystem>

#include "azimuth/hugging_face_config.h"
#include "azimuth/model_weights.h"
#include "azimuth/safetensors_file.h"

namespace azimuth {

/// The weights of a model as Hugging Face Transformers saves it: a folder with `config.json` and
/// `model.safetensors`, or shards that `model.safetensors.index.json` names. Mapped and not
/// inflated (see SafetensorsFile). Where both are there, `model.safetensors` is read, as
/// Transformers does; of a shard, the tensors that the index says are in it.
///
/// Throws FileError for everything that is wrong with the folder: a file that is missing, damaged
/// or outside the folder, a tensor that is missing or has the wrong shape, a hidden size, number of
/// blocks or vocabulary that is not that of config.json.
///
///     const ModelWeights weights = load_hugging_face("SmolLM2-135M");
ModelWeights load_hugging_face(const std::filesystem::path& folder);

}  // namespace azimuth
