#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "azimuth/signing_keys.h"

namespace azimuth {

/// An in-toto statement in a DSSE envelope (https://github.com/secure-systems-lab/dsse, version 1)
/// with one signature, as JSON.
std::string sealed(std::string_view statement, const SigningKey& key);

/// The statement in an envelope of at most 16 MiB, byte by byte what one of its signatures is of.
/// The file is taken for hostile. Stricter than DSSE asks, so that no byte which nobody signed goes
/// unseen: members other than those of version 1, base64 other than base64.h's, and a key id that
/// is not `key`'s are not passed over. Throws FileError.
std::string opened(const std::filesystem::path& file, const VerifyingKey& key);

}  // namespace azimuth
