#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "azimuth/attestation.h"

namespace azimuth {

/// All members but `statement`, as an in-toto Statement v1. Throws std::invalid_argument if
/// `evidence` is not JSON.
std::string statement_of(const Attestation& attestation);

/// The other way, of a statement that may be anybody's. As in-toto asks, members that are not known
/// are passed over: they are signed too. Throws FileError.
Attestation parse_statement(const std::filesystem::path& file, std::string_view statement);

}  // namespace azimuth
