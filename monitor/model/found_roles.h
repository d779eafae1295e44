#pragma once

#include <span>
#include <vector>

#include "azimuth/roles.h"

namespace azimuth {

/// The two halves of `bind_roles`, for who asks about the tensors without a role as well: to look a
/// name up costs more than all else, and is done for every snapshot on the training thread.
struct FoundRoles {
  std::vector<BoundTensor> bound;  ///< in the order of the tensors
  std::vector<const NamedTensor*> placeless;
};
FoundRoles find_roles(const Architecture& architecture, std::span<const NamedTensor> tensors,
                      const RoleNames& extra);

/// As bind_roles gives them, and with its errors.
std::vector<BoundTensor> check_roles(const Architecture& architecture,
                                     std::span<const NamedTensor> tensors, FoundRoles found);

}  // namespace azimuth
