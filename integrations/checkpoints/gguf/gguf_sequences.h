#pragma once

#include <string_view>

#include "azimuth/architecture.h"
#include "azimuth/sequences.h"
#include "gguf/gguf_fields.h"

namespace azimuth {

/// What sequences of several tokens need, of a model whose `architecture` is read as far as one
/// token goes. `family` is GGUF's name. What is not known or not right is in `unknown`: never
/// throws FileError.
Sequences gguf_sequences(const GgufFields& fields, std::string_view family,
                         const Architecture& architecture);

}  // namespace azimuth
