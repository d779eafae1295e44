#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "azimuth/architecture.h"
#include "azimuth/roles.h"

namespace azimuth {

/// The parameters of one module: `stem` + ".weight" plays `weight`, `stem` + ".bias" plays `bias`
/// (`weight` again where there is no such role). `{}` is the number of the block, from 0; a second
/// one that of the expert or head.
struct ModuleName {
  std::string_view stem;
  Role weight;
  Role bias = weight;
  bool is_parameter = false;  ///< `stem` is the whole name of what plays `weight`
};

/// A parameter that is no module's weight or bias.
constexpr ModuleName parameter(std::string_view name, Role role) {
  return {name, role, role, true};
}

/// The names of one family, in groups that families share.
struct RoleTable {
  std::string_view architecture;
  std::vector<std::span<const ModuleName>> groups;
};

// The tables by kind of family, a file each.
std::vector<RoleTable> dense_tables();
std::vector<RoleTable> gemma_tables();
std::vector<RoleTable> hybrid_tables();
std::vector<RoleTable> mixture_tables();

/// All of them, sorted by architecture.
std::span<const RoleTable> role_tables();

/// Throws std::invalid_argument where there is none.
const RoleTable& table_of(const Architecture& architecture);

/// A tensor of a block that is known to play no part in what a block makes of one token. `{}` is
/// the number of the block.
struct IdleName {
  std::string_view architecture;  ///< empty: every family
  std::string_view pattern;
  std::string_view reason;
};
std::span<const IdleName> idle_names();

}  // namespace azimuth
