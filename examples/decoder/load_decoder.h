#pragma once

#include <filesystem>
#include <memory>

#include "azimuth/architecture.h"
#include "decoder_config.h"

namespace azimuth::examples {

class DecoderImpl;  // decoder.h, for those who look into it: LibTorch's headers take long to
                    // compile

struct LoadedDecoder {
  std::shared_ptr<DecoderImpl> decoder;
  DecoderConfig config;
  Architecture architecture;
};

/// The LLaMA in a GGUF file, with float32 parameters. Throws FileError for everything that is wrong
/// with the file, and for tensors that this decoder has no parameter for.
LoadedDecoder load_decoder(const std::filesystem::path& gguf);

}  // namespace azimuth::examples
