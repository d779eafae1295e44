#pragma once

#include <filesystem>

#include "azimuth/file_error.h"
#include "azimuth/model_weights.h"

namespace azimuth {

/// A base with a LoRA adapter on top, not merged: what Hugging Face PEFT saves as a folder with
/// `adapter_config.json` and `adapter_model.safetensors` (or `.bin`). `base` may come from any
/// reader: parameters are matched by what they are for, not by name alone, and rows of fused
/// matrices are taken to where that reader's format has them. Ranks and scales that differ by
/// module (by patterns too), rank-stabilised scaling and DoRA are applied, of the embedding too;
/// what was saved whole takes the base's place: the embedding, with tokens added too, the head,
/// positions, norms and routers; of the embedding and the head also single rows
/// (`trainable_token_indices`).
///
/// Heads play no part in the pass: one that the base stores counts in the digest, any other and
/// what scores a text in its place is left out, as are towers and projectors for pictures and
/// sound: one line of the result's `warnings()` names them.
///
/// Throws FileError for everything that is wrong with the folder, and for what would change the
/// result and is not supported, by name: matrices of blocks that were saved whole,
/// `target_parameters` (the experts of a mixture in one tensor), biases, initialisations that
/// change the base, an `alpha_pattern` with lookarounds or references. Files are taken to be
/// hostile.
///
///     const ModelWeights tuned = with_lora_adapter(load_hugging_face("base"), "adapter");
ModelWeights with_lora_adapter(const ModelWeights& base, const std::filesystem::path& folder);

}  // namespace azimuth
