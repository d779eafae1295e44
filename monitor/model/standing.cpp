#include "model/standing.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "model/found_roles.h"
#include "model/name_patterns.h"
#include "model/role_facts.h"
#include "model/role_tables.h"

namespace azimuth {
namespace {

// Whether `name` lies in the block, or in the module outside of blocks, that `stem` names.
// `separates`: behind the number of a block there are only these.
bool is_beside(std::string_view name, std::string_view stem, bool is_read,
               std::string_view separates) {
  const std::size_t hole = stem.find("{}");
  if (!name.starts_with(stem.substr(0, hole))) return false;
  std::string_view rest = name.substr(std::min(hole, stem.size()));
  const bool in_block = hole != std::string_view::npos && take_number(rest);
  const bool in_module = hole == std::string_view::npos && is_read;
  return (in_block || in_module) && !rest.empty() &&
         separates.find(rest.front()) != std::string_view::npos;
}

// Whether `name` is that of something in a block, or in a module outside that the pass reads.
bool is_within(const Architecture& architecture, std::string_view name, const RoleNames& extra) {
  const auto is_read = [&](Role role) { return is_read_by_pass(architecture, role, 0); };
  for (const auto& group : table_of(architecture).groups) {
    for (const ModuleName& module : group) {
      const bool block = facts_of(module.weight).is_of_a_block();
      if (is_beside(name, module.stem, !block && is_read(module.weight), "._")) return true;
    }
  }
  return std::ranges::any_of(extra.patterns, [&](const auto& named) {
    const auto& [role, pattern] = named;
    std::string_view stem = pattern;
    if (pattern.find("{}") == std::string::npos) stem = stem.substr(0, stem.rfind('.'));
    const bool block = facts_of(role).is_of_a_block();
    return is_beside(name, stem, !block && is_read(role), "._/");
  });
}

}  // namespace

Standing standing_of(const Architecture& architecture, std::string_view name,
                     const RoleNames& extra) {
  table_of(architecture);
  // TransformerEngine keeps the history of its scales there; weights lie beside it as they are.
  if (name.ends_with("._extra_state")) return Standing::idle;
  const auto is_ignored = [&](std::string_view spelling) {
    return std::ranges::any_of(extra.ignored, [&](const std::string& pattern) {
      return match(spelling, pattern).has_value();
    });
  };
  if (is_ignored(name)) return Standing::idle;
  const std::string unwrapped = without_wrappers(name);
  std::string_view rest = unwrapped;
  do {
    if (is_ignored(rest)) return Standing::idle;
    for (const IdleName& idle : idle_names()) {
      if (!idle.architecture.empty() && idle.architecture != architecture.name) continue;
      if (match(rest, idle.pattern)) return Standing::idle;
    }
    if (is_within(architecture, rest, extra)) return Standing::within;
  } while (take_prefix(rest));
  return Standing::outside;
}

Standing refuse_within(const Architecture& architecture, const std::string& name,
                       const RoleNames& extra) {
  const Standing standing = standing_of(architecture, name, extra);
  if (standing == Standing::within) {
    throw std::invalid_argument(
        "tensor " + name + ": is not known to models of " + architecture.name +
        ", and may change what they compute" +
        (extra.patterns.empty() ? "" : "; RoleNames (--names) gives it a role, or ignores it"));
  }
  return standing;
}

std::string unplaced(const Architecture& architecture,
                     std::span<const std::string* const> placeless, const RoleNames& extra) {
  constexpr std::size_t kShown = 3;
  std::size_t count = 0;
  std::string names;
  for (const std::string* name : placeless) {
    if (refuse_within(architecture, *name, extra) == Standing::idle) continue;
    if (count < kShown) names += (count == 0 ? "" : ", ") + *name;
    ++count;
  }
  if (count == 0) return {};
  return std::to_string(count) +
         (count == 1 ? " tensor outside the blocks is" : " tensors outside the blocks are") +
         " not used: " + names + (count > kShown ? " and others" : "");
}

std::string unplaced(const Architecture& architecture, std::span<const NamedTensor> tensors,
                     const RoleNames& extra) {
  std::vector<const std::string*> placeless;
  for (const NamedTensor* tensor : find_roles(architecture, tensors, extra).placeless) {
    placeless.push_back(&tensor->name);
  }
  return unplaced(architecture, placeless, extra);
}

}  // namespace azimuth
