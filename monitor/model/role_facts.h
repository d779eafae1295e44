#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "azimuth/architecture.h"
#include "azimuth/roles.h"

namespace azimuth {

/// What the core has to know of a role.
struct RoleFacts {
  Role role;
  std::string_view name;
  enum class Place {
    model,   ///< outside the blocks
    block,   ///< once in every block
    expert,  ///< a matrix that every expert of a block has its own of, where there are experts
  } place;
  enum class Kind {
    matrix,  ///< of a block, which an adapter can update
    other,
  } kind;
  /// Read by the single-token pass; what is not only counts in the digest.
  bool is_read;
  /// Whether a block (from 1; 0: what lies outside) that computes with it must have it. A fused
  /// matrix stands for those that it holds.
  bool is_required;
  /// Whether a block computes with it, where it is there.
  bool (*applies)(const Architecture&, std::int64_t block);
};

/// Of all roles, in their order.
std::span<const RoleFacts> role_facts();

inline const RoleFacts& facts_of(Role role) { return role_facts()[static_cast<std::size_t>(role)]; }

/// How many a block has of what each expert has its own of.
std::int64_t members(const Architecture& architecture, std::int64_t block);

}  // namespace azimuth
