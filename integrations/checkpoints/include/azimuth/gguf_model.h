#pragma once

#include <filesystem>

#include "azimuth/architecture.h"
#include "azimuth/gguf_file.h"
#include "azimuth/model_weights.h"

namespace azimuth {

/// What the metadata says of the architecture: "llama" and "gpt2" are known. Every id that
/// tokenizer.ggml.*_token_id names and the token embedding has a row for is a special id, BOS
/// first, the others in the order of the file, each once. Throws FileError: unknown architecture, a
/// key that is missing or impossible.
Architecture architecture_from_gguf(const GgufFile& file);

/// The weights of a GGUF file, mapped and not inflated. Throws FileError for everything that is
/// wrong with the file, a tensor that is missing or has the wrong shape included.
///
///     const ModelWeights weights = load_gguf("SmolLM2-135M-Instruct.Q4_1.gguf");
ModelWeights load_gguf(const std::filesystem::path& file);

}  // namespace azimuth
