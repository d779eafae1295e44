#pragma once

#include <string>

#include "azimuth/roles.h"

namespace azimuth {

/// The standing of a tensor without a role. Throws std::invalid_argument, naming it, for one that
/// lies within a block and is not known.
Standing refuse_within(const Architecture& architecture, const std::string& name,
                       const RoleNames& extra);

}  // namespace azimuth
