#pragma once

#include <span>
#include <string>

#include "azimuth/roles.h"

namespace azimuth {

/// The standing of a tensor without a role. Throws std::invalid_argument, naming it, for one that
/// lies within a block and is not known.
Standing refuse_within(const Architecture& architecture, const std::string& name,
                       const RoleNames& extra);

/// The public function of that name, of names that are known to have no role.
std::string unplaced(const Architecture& architecture,
                     std::span<const std::string* const> placeless, const RoleNames& extra);

}  // namespace azimuth
