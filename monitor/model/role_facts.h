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
    stream,  ///< outside the blocks, of every residual stream but the first
  } place;
  enum class Kind {
    matrix,  ///< of a block, which an adapter can update
    other,
  } kind;
  using Holds = bool (*)(const Architecture&, std::int64_t block);
  /// Read by the single-token pass in that block (from 1; 0: outside); what is not only counts in
  /// the digest.
  Holds is_read;
  /// Whether a block that computes with it must have it. A fused matrix stands for those that it
  /// holds.
  Holds is_required;
  /// Whether a block computes with it, where it is there.
  Holds applies;

  bool is_of_a_block() const { return place == Place::block || place == Place::expert; }
};

/// Of all roles, in their order.
std::span<const RoleFacts> role_facts();

inline const RoleFacts& facts_of(Role role) { return role_facts()[static_cast<std::size_t>(role)]; }

/// How many tensors of that role a block has (0: what lies outside): one, or one an expert or
/// further stream.
std::int64_t members(const Architecture& architecture, const RoleFacts& facts, std::int64_t block);

}  // namespace azimuth
