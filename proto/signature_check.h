#pragma once

#include "azimuth/observation.h"

namespace azimuth {

/// Throws std::invalid_argument ("what: why") unless the signature is consistent in itself, as
/// signature_file.h promises.
void check_signature(const Signature& signature);

}  // namespace azimuth
