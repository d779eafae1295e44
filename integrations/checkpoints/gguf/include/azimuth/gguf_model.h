#pragma once

#include <filesystem>

#include "azimuth/architecture.h"
#include "azimuth/gguf_file.h"
#include "azimuth/model_weights.h"

namespace azimuth {

/// What the file says of the architecture. Known are all of Architecture::known() that llama.cpp
/// has, under its names; Mistral, Ministral and Mixtral are its llama. GGUF does not say which
/// activation a model has: it is that of its family in Transformers. Every id that
/// tokenizer.ggml.*_token_id names and the token embedding has a row for is a special id, BOS
/// first, the others in the order of the file, each once. Throws FileError: unknown architecture, a key that is missing or
/// impossible, a setting that is not supported.
Architecture architecture_from_gguf(const GgufFile& file);

/// The weights of a GGUF file, or of one that was split, mapped and not inflated. Throws FileError
/// for everything that is wrong with it, a tensor that is missing, unknown to its architecture or
/// of the wrong shape included, and a size of the metadata that is not that of the tensors. Use
/// this, not tensors(), with architecture_from_gguf: some files name tensors otherwise than the
/// core does, or hold all experts in one.
///
///     const ModelWeights weights = load_gguf("SmolLM2-135M-Instruct.Q4_1.gguf");
ModelWeights load_gguf(const std::filesystem::path& file);

}  // namespace azimuth
