#pragma once

#include <filesystem>

#include "azimuth/architecture.h"
#include "decoder.h"

namespace azimuth::examples {

struct LoadedDecoder {
  Decoder decoder = nullptr;
  Architecture architecture;
};

/// The LLaMA in a GGUF file, with float32 parameters. Throws FileError for everything that is wrong
/// with the file, and for tensors that this decoder has no parameter for.
LoadedDecoder load_decoder(const std::filesystem::path& gguf);

}  // namespace azimuth::examples
