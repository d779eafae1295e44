#pragma once

#include <cstdint>

#include "azimuth/gguf_file.h"

namespace azimuth {

/// Makes tensors of what GGUF holds as metadata, a number a block: what models learn of their xIELU
/// ("xielu.beta", which becomes "blk.0.xielu.beta"). Throws FileError, naming the key.
void add_xielu(const GgufFile& file, std::int64_t blocks, NamedTensors& tensors);

}  // namespace azimuth
