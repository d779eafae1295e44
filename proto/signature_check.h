#pragma once

#include <filesystem>

#include "azimuth/signature.h"

namespace azimuth {

/// Throws FileError, naming `file`, unless the signature is consistent in itself, as
/// signature_file.h promises.
void check_signature(const std::filesystem::path& file, const Signature& signature);

}  // namespace azimuth
