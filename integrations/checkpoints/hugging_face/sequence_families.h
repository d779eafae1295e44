#pragma once

#include <string_view>

#include "azimuth/hugging_face_config.h"
#include "azimuth/sequences.h"
#include "hugging_face/config_fields.h"

namespace azimuth {

/// `text` is `all` itself, or the part of it that describes the text model, which `config` says as
/// far as one token goes. What is not known or not right is in `unknown`: never throws FileError.
Sequences read_sequences(std::string_view model_type, const ConfigFields& all,
                         const ConfigFields& text, const HuggingFaceConfig& config);

}  // namespace azimuth
