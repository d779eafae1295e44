#pragma once

#include <filesystem>

#include "azimuth/file_error.h"
#include "azimuth/roles.h"

namespace azimuth {

/// RoleNames from a JSON file: an object with a pattern for each role that has a name of its own,
/// under the name of the role as `name_of` gives it, and under "ignored" a list of patterns that
/// play none.
///
///     {"token_embedding": "tok.weight",
///      "query_key_value_weight": "layers.{}.attention.qkv.weight",
///      "ignored": ["layers.{}.attention.mask"]}
///
/// The file is taken to be hostile. Throws FileError: what cannot be read or is no such object, a
/// role that is unknown, with those that are known, or stands twice. Whether the patterns fit a
/// model is found when one is read with them (see check_names).
RoleNames read_role_names(const std::filesystem::path& file);

}  // namespace azimuth
