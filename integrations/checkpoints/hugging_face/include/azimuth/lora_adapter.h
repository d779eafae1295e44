#pragma once

#include <filesystem>

#include "azimuth/file_error.h"
#include "azimuth/model_weights.h"

namespace azimuth {

/// A base with a LoRA adapter on top, not merged: what Hugging Face PEFT saves as a folder with
/// `adapter_config.json` and `adapter_model.safetensors` (or `.bin`). `base` may come from any
/// reader: parameters are matched by what they are for, not by name alone, and rows of fused matrices
/// are taken to where that reader's format has them. Ranks and scales that differ by module, and
/// rank-stabilised scaling, are applied.
///
/// Throws FileError for everything that is wrong with the folder, and for what would change the
/// result and is not supported, by name: DoRA, adapters of embeddings or of biases, modules that
/// were saved whole, initialisations that change the base, patterns that are regular expressions.
/// Files are taken to be hostile.
///
///     const ModelWeights tuned = with_lora_adapter(load_hugging_face("base"), "adapter");
ModelWeights with_lora_adapter(const ModelWeights& base, const std::filesystem::path& folder);

}  // namespace azimuth
