#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "azimuth/file_digests.h"
#include "azimuth/open_model.h"

namespace azimuth::cli {

/// What an attestation names of a CKPT that is opened with these options, with a bar on a terminal.
/// `attestation` may lie among the files. Throws FileError.
std::vector<FileDigest> digest_checkpoint(const std::string& name, const OpenModelOptions& options,
                                          const std::filesystem::path& attestation);

}  // namespace azimuth::cli
