#include "azimuth/roles.h"

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>

#include "azimuth/joined.h"
#include "model/found_roles.h"
#include "model/name_patterns.h"
#include "model/near_names.h"
#include "model/role_facts.h"
#include "model/role_tables.h"

namespace azimuth {
namespace {

// The role of a parameter of the module that `module.stem` names.
std::optional<std::pair<Role, NamedPlace>> role_in(const ModuleName& module,
                                                   std::string_view name) {
  Role role = module.weight;
  constexpr std::string_view weight = ".weight";
  constexpr std::string_view bias = ".bias";
  if (module.is_parameter) {
    // The name as it is.
  } else if (name.ends_with(weight)) {
    name.remove_suffix(weight.size());
  } else if (name.ends_with(bias) && module.bias != module.weight) {
    name.remove_suffix(bias.size());
    role = module.bias;
  } else {
    return std::nullopt;
  }
  const auto place = match(name, module.stem);
  if (!place) return std::nullopt;
  return std::pair(role, *place);
}

// Whether it would be an expert's, and no number says which.
bool is_of_no_expert(const Architecture& architecture, Role role, const NamedPlace& place) {
  if (facts_of(role).place != RoleFacts::Place::expert || place.member >= 0) return false;
  const auto blocks = std::ssize(architecture.blocks);
  const bool is_there = blocks == 0 || place.block < blocks;
  return is_there && architecture.has(MixerKind::experts, place.block + 1);
}

// The first that the table has; in a block of experts, an FFN's name may stand there a second time.
std::optional<std::pair<Role, NamedPlace>> role_in(const RoleTable& table,
                                                   const Architecture& architecture,
                                                   std::string_view name, const RoleNames& extra) {
  std::optional<std::pair<Role, NamedPlace>> first;
  for (const auto& group : table.groups) {
    for (const ModuleName& module : group) {
      const auto found = role_in(module, name);
      if (!found || extra.patterns.contains(found->first)) continue;
      if (!is_of_no_expert(architecture, found->first, found->second)) return found;
      if (!first) first = found;
    }
  }
  return first;
}

struct Missing {
  Role role;
  std::int64_t block;
  std::int64_t member;
};

std::string words_of(const Missing& m) {
  const char* const whose =
      facts_of(m.role).place == RoleFacts::Place::stream ? " of further stream " : " of expert ";
  return std::string(name_of(m.role)) + (m.member > 0 ? whose + std::to_string(m.member) : "") +
         (m.block > 0 ? " of block " + std::to_string(m.block) : "");
}

// Whether a matrix could be queries, keys and values in one, from a hidden size that it gives
// itself.
bool has_fused_shape(const Architecture& a, const NamedTensor& tensor) {
  const std::vector<std::int64_t>& shape = tensor.view.shape;
  if (shape.size() != 2) return false;
  const auto fits = [&](std::int64_t fused, std::int64_t hidden) {
    const std::int64_t head = a.head_size > 0 ? a.head_size : hidden / a.heads;
    return head > 0 && fused != hidden && fused == (a.heads + 2 * a.kv_heads) * head;
  };
  return fits(shape[0], shape[1]) || fits(shape[1], shape[0]);
}

// What could play the roles that are missing: parameters that play none, those first whose names
// are near to what the tables call such a parameter.
std::string about_placeless(const Architecture& architecture, std::span<const Missing> missing,
                            std::span<const NamedTensor* const> placeless) {
  if (placeless.empty()) return "every parameter plays another role";
  std::vector<std::string> wanted;
  bool values = false;
  for (const Missing& m : missing) {
    wanted.emplace_back(name_of(m.role));
    values |= m.role == Role::value_weight;
    for (const auto& group : table_of(architecture).groups) {
      for (const ModuleName& module : group) {
        if (module.weight != m.role) continue;
        wanted.push_back(std::string(module.stem) + (module.is_parameter ? "" : ".weight"));
      }
    }
  }
  std::vector<std::string> patterns;
  std::string fused;
  for (const NamedTensor* tensor : placeless) {
    patterns.push_back(pattern_of(tensor->name));
    if (values && fused.empty() && has_fused_shape(architecture, *tensor)) fused = patterns.back();
  }
  constexpr std::size_t kShown = 12;
  const std::vector<std::string> near = nearest(patterns, wanted, kShown + 1);
  const std::span shown = std::span(near).first(std::min(near.size(), kShown));
  std::string out = "without a role are " + joined(shown) + (near.size() > kShown ? ", ..." : "");
  if (!fused.empty()) out += ", of which " + fused + " could be a query_key_value_weight";
  return out + "; RoleNames (--names) says which parameter plays which role";
}

void check_complete(const Architecture& architecture, std::span<const BoundTensor> bound,
                    std::span<const NamedTensor* const> placeless) {
  std::set<std::tuple<std::int64_t, Role, std::int64_t>> have;
  std::int64_t blocks = 0;
  for (const BoundTensor& tensor : bound) {
    have.insert({tensor.block, tensor.role, tensor.member});
    if (tensor.role == Role::query_key_value_weight)
      have.insert({tensor.block, Role::value_weight, 0});
    if (tensor.role == Role::latent_value_weight) {
      have.insert({tensor.block, Role::latent_key_value_weight, 0});
    }
    if (tensor.role == Role::gate_up_weight) {
      have.insert({tensor.block, Role::gate_weight, tensor.member});
      have.insert({tensor.block, Role::up_weight, tensor.member});
    }
    blocks = std::max(blocks, tensor.block);
  }
  // A hostile file can name a block far beyond any that it has: no more is looked for than is
  // shown.
  constexpr std::size_t kShown = 8;
  std::vector<Missing> missing;
  const auto enough = [&] { return missing.size() > kShown; };
  for (std::int64_t block = 0; block <= std::max<std::int64_t>(blocks, 1) && !enough(); ++block) {
    for (const RoleFacts& facts : role_facts()) {
      if (facts.is_of_a_block() != (block > 0) || !facts.applies(architecture, block) ||
          !facts.is_required(architecture, block)) {
        continue;
      }
      const std::int64_t count = members(architecture, facts, block);
      for (std::int64_t member = 0; member < count && !enough(); ++member) {
        if (!have.contains({block, facts.role, member})) {
          missing.push_back({facts.role, block, member});
        }
      }
    }
  }
  if (missing.empty()) return;
  std::vector<std::string> shown;
  for (const Missing& m : std::span(missing).first(std::min(missing.size(), kShown))) {
    shown.push_back(words_of(m));
  }
  throw std::invalid_argument("architecture " + architecture.name + ": no parameter for " +
                              joined(shown) + (enough() ? " and more" : "") + "; " +
                              about_placeless(architecture, missing, placeless));
}

// What has a role in a block, but is of an expert that there is not, or of a norm or gate that the
// model computes without: unlike what has none, it would be left out in silence, or used.
void refuse_left_out(const Architecture& architecture, const std::string& name,
                     const BoundTensor& place) {
  const auto fail = [&](const std::string& why) {
    throw std::invalid_argument("tensor " + name + ": " + why);
  };
  const RoleFacts& facts = facts_of(place.role);
  const std::int64_t count = members(architecture, facts, place.block);
  if (facts.place == RoleFacts::Place::stream && place.member >= count) {
    fail("is of further stream " + std::to_string(place.member) + " (from 0), and there are " +
         std::to_string(count));
  }
  if (place.block == 0 || !facts.is_of_a_block()) return;
  if (facts.place == RoleFacts::Place::expert && place.member >= count) {
    fail("is of expert " + std::to_string(place.member) + " (from 0), and there are " +
         std::to_string(count));
  }
  if (!facts.applies(architecture, place.block)) {
    fail("is the " + std::string(name_of(place.role)) + " of block " + std::to_string(place.block) +
         ", which this " + architecture.name + " computes without");
  }
}

}  // namespace

std::string_view name_of(Role role) { return facts_of(role).name; }

Role role_named(std::string_view name) {
  std::vector<std::string> known;
  for (const RoleFacts& facts : role_facts()) {
    if (facts.name == name) return facts.role;
    known.emplace_back(facts.name);
  }
  throw std::invalid_argument("there is no role '" + std::string(name.substr(0, 60)) +
                              "'; known are " + joined(known));
}

bool is_matrix(Role role) { return facts_of(role).kind == RoleFacts::Kind::matrix; }

bool is_read_by_pass(const Architecture& architecture, Role role, std::int64_t block) {
  return facts_of(role).is_read(architecture, block);
}

bool is_table_of_tokens(Role role) {
  return role == Role::token_embedding || role == Role::per_layer_embedding;
}

std::optional<BoundTensor> role_of(const Architecture& architecture, std::string_view name,
                                   const RoleNames& extra) {
  const RoleTable& table = table_of(architecture);
  const auto bound = [](Role role, const NamedPlace& place) {
    if (!facts_of(role).is_of_a_block()) {
      return BoundTensor{role, 0, std::max<std::int64_t>(place.block, 0)};
    }
    return BoundTensor{role, place.block + 1, std::max<std::int64_t>(place.member, 0)};
  };
  const std::string unwrapped = without_wrappers(name);
  for (const auto& [role, pattern] : extra.patterns) {
    if (const auto place = match(name, pattern)) return bound(role, *place);
  }
  name = unwrapped;
  do {
    for (const auto& [role, pattern] : extra.patterns) {
      if (const auto place = match(name, pattern)) return bound(role, *place);
    }
    if (const auto found = role_in(table, architecture, name, extra)) {
      return bound(found->first, found->second);
    }
  } while (take_prefix(name));
  return std::nullopt;
}

std::size_t hiding_prefix(const Architecture& architecture, std::span<const NamedTensor> tensors,
                          const RoleNames& extra) {
  if (tensors.empty()) return 0;
  const auto has_role = [&](std::string_view name) {
    return role_of(architecture, name, extra).has_value();
  };
  std::size_t length = 0;
  for (;;) {
    const std::string_view first = std::string_view(tensors.front().name).substr(length);
    const std::size_t dot = first.find('.');
    const bool hides = std::ranges::none_of(tensors, [&](const NamedTensor& tensor) {
      return has_role(std::string_view(tensor.name).substr(length));
    });
    if (!hides) return length;
    const std::string_view shared = first.substr(0, dot + 1);
    const bool all_share =
        dot != std::string_view::npos &&
        std::ranges::all_of(tensors, [&](const NamedTensor& tensor) {
          return std::string_view(tensor.name).substr(length).starts_with(shared);
        });
    if (!all_share) return 0;
    length += shared.size();
  }
}

FoundRoles find_roles(const Architecture& architecture, std::span<const NamedTensor> tensors,
                      const RoleNames& extra) {
  FoundRoles all;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (auto found = role_of(architecture, tensors[i].name, extra)) {
      found->tensor = i;
      all.bound.push_back(*found);
    } else {
      all.placeless.push_back(&tensors[i]);
    }
  }
  return all;
}

std::vector<BoundTensor> check_roles(const Architecture& architecture,
                                     std::span<const NamedTensor> tensors, FoundRoles found) {
  architecture.check();
  std::vector<BoundTensor> bound = std::move(found.bound);
  const auto place = [](const BoundTensor& b) { return std::tuple(b.block, b.role, b.member); };
  std::ranges::sort(bound, {}, place);
  const auto twice = std::ranges::adjacent_find(bound, {}, place);
  if (twice != bound.end()) {
    throw std::invalid_argument("parameters " + tensors[twice->tensor].name + " and " +
                                tensors[std::next(twice)->tensor].name + " both play the role of " +
                                std::string(name_of(twice->role)));
  }
  const auto blocks = static_cast<std::int64_t>(architecture.blocks.size());
  if (blocks > 0 && !bound.empty() && bound.back().block != blocks) {
    throw std::invalid_argument("architecture " + architecture.name + ": has " +
                                std::to_string(blocks) + " blocks, and the weights have " +
                                std::to_string(bound.back().block));
  }
  for (const BoundTensor& b : bound) refuse_left_out(architecture, tensors[b.tensor].name, b);
  check_complete(architecture, bound, found.placeless);
  return bound;
}

std::vector<BoundTensor> bind_roles(const Architecture& architecture,
                                    std::span<const NamedTensor> tensors, const RoleNames& extra) {
  architecture.check();
  return check_roles(architecture, tensors, find_roles(architecture, tensors, extra));
}

}  // namespace azimuth
