#include "azimuth/roles.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>

#include "model/role_facts.h"
#include "model/role_tables.h"

namespace azimuth {
namespace {

// What wraps a module puts its own name into those of the parameters, anywhere and in any order:
// DataParallel, torch.compile, FSDP, activation checkpointing, Lightning.
constexpr std::string_view kWrappers[] = {"module", "_orig_mod", "_fsdp_wrapped_module",
                                          "_checkpoint_wrapped_module", "_forward_module"};

// What stands before the names of the model proper, one or several: attributes of trainers, of
// adapters, and of the classes that hold a model.
constexpr std::string_view kPrefixes[] = {
    "transformer.",      "model.",  "decoder.", "gpt_neox.", "language_model.", "base_model.",
    "pretrained_model.", "policy.", "state.",   "net."};

// `name` without the parts that wrappers have put into it.
std::string without_wrappers(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find('.'));
    name.remove_prefix(std::min(part.size() + 1, name.size()));
    if (std::ranges::find(kWrappers, part) != std::end(kWrappers) && !name.empty()) continue;
    out += (out.empty() ? "" : ".") + std::string(part);
  }
  return out;
}

// Takes one prefix off; false if there is none.
bool take_prefix(std::string_view& name) {
  const auto prefix =
      std::ranges::find_if(kPrefixes, [&](std::string_view p) { return name.starts_with(p); });
  if (prefix == std::end(kPrefixes)) return false;
  name.remove_prefix(prefix->size());
  return true;
}

const RoleTable& table_of(const Architecture& architecture) {
  const auto tables = role_tables();
  const auto found = std::ranges::find(tables, architecture.name, &RoleTable::architecture);
  if (found != tables.end()) return *found;
  std::string known;
  for (const std::string& name : Architecture::known()) known += (known.empty() ? "" : ", ") + name;
  throw std::invalid_argument("unknown architecture '" + architecture.name + "'; known are " +
                              known);
}

// Block and expert as the name counts them; -1 where the pattern has no hole for them.
struct Place {
  std::int64_t block = -1;
  std::int64_t member = -1;
};

// Takes a number off the front of `text`.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc() || number < 0 || number >= 100'000) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  return number;
}

std::optional<Place> match(std::string_view name, std::string_view pattern) {
  Place place;
  for (std::int64_t* number : {&place.block, &place.member}) {
    const std::size_t hole = pattern.find("{}");
    if (hole == std::string_view::npos) break;
    if (!name.starts_with(pattern.substr(0, hole))) return std::nullopt;
    name.remove_prefix(hole);
    pattern.remove_prefix(hole + 2);
    const auto taken = take_number(name);
    if (!taken) return std::nullopt;
    *number = *taken;
  }
  if (name != pattern) return std::nullopt;
  return place;
}

// The role of a parameter of the module that `module.stem` names.
std::optional<std::pair<Role, Place>> match(std::string_view name, const ModuleName& module) {
  Role role = module.weight;
  constexpr std::string_view weight = ".weight";
  constexpr std::string_view bias = ".bias";
  if (name.ends_with(weight)) {
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

std::optional<std::pair<Role, Place>> match(std::string_view name, const RoleTable& table,
                                            const RoleNames& extra) {
  for (const auto& group : table.groups) {
    for (const ModuleName& module : group) {
      const auto found = match(name, module);
      if (found && !extra.contains(found->first)) return found;
    }
  }
  return std::nullopt;
}

// Whether `name` is that of something in a block, or in a module outside that the pass reads.
bool is_within(std::string_view name, const RoleTable& table) {
  for (const auto& group : table.groups) {
    for (const ModuleName& module : group) {
      const std::size_t hole = module.stem.find("{}");
      if (!name.starts_with(module.stem.substr(0, hole))) continue;
      std::string_view rest = name.substr(std::min(hole, module.stem.size()));
      const bool in_block = hole != std::string_view::npos && take_number(rest);
      const bool in_module = hole == std::string_view::npos && is_read_by_pass(module.weight);
      if ((in_block || in_module) && (rest.starts_with('.') || rest.starts_with('_'))) return true;
    }
  }
  return false;
}

std::string list_of_names(std::span<const NamedTensor> tensors) {
  constexpr std::size_t kShown = 12;
  std::string list;
  for (std::size_t i = 0; i < std::min(tensors.size(), kShown); ++i) {
    list += (i == 0 ? "" : ", ") + tensors[i].name;
  }
  if (tensors.size() > kShown) list += ", ... (" + std::to_string(tensors.size()) + " in all)";
  return list.empty() ? "none" : list;
}

void check_complete(const Architecture& architecture, std::span<const BoundTensor> bound,
                    std::span<const NamedTensor> tensors) {
  std::set<std::tuple<std::int64_t, Role, std::int64_t>> have;
  std::int64_t blocks = 0;
  for (const BoundTensor& tensor : bound) {
    have.insert({tensor.block, tensor.role, tensor.member});
    if (tensor.role == Role::query_key_value_weight)
      have.insert({tensor.block, Role::value_weight, 0});
    if (tensor.role == Role::gate_up_weight) {
      have.insert({tensor.block, Role::gate_weight, 0});
      have.insert({tensor.block, Role::up_weight, 0});
    }
    blocks = std::max(blocks, tensor.block);
  }
  // A hostile file can name a block far beyond any that it has: no more is looked for than is
  // shown.
  constexpr std::size_t kShown = 8;
  std::vector<std::string> missing;
  const auto enough = [&] { return missing.size() > kShown; };
  const auto require = [&](std::int64_t block, Role role, std::int64_t member) {
    if (have.contains({block, role, member})) return;
    missing.push_back(std::string(name_of(role)) +
                      (member > 0 ? " of expert " + std::to_string(member) : "") +
                      (block > 0 ? " of block " + std::to_string(block) : ""));
  };
  for (std::int64_t block = 0; block <= std::max<std::int64_t>(blocks, 1) && !enough(); ++block) {
    for (const RoleFacts& facts : role_facts()) {
      const bool is_here = (facts.place == RoleFacts::Place::model) == (block == 0);
      if (!is_here || !facts.is_required(architecture)) continue;
      const std::int64_t members = facts.place == RoleFacts::Place::expert
                                       ? std::max<std::int64_t>(architecture.experts, 1)
                                       : 1;
      for (std::int64_t member = 0; member < members && !enough(); ++member) {
        require(block, facts.role, member);
      }
    }
  }
  if (missing.empty()) return;
  std::string message = "architecture " + architecture.name + ": no parameter for ";
  for (std::size_t i = 0; i < std::min(missing.size(), kShown); ++i) {
    message += (i == 0 ? "" : ", ") + missing[i];
  }
  if (enough()) message += " and more";
  throw std::invalid_argument(message + "; parameters found: " + list_of_names(tensors));
}

}  // namespace

std::string_view name_of(Role role) { return facts_of(role).name; }

bool is_read_by_pass(Role role) { return facts_of(role).is_read; }

std::optional<BoundTensor> role_of(const Architecture& architecture, std::string_view name,
                                   const RoleNames& extra) {
  const RoleTable& table = table_of(architecture);
  const auto bound = [](Role role, const Place& place) {
    return BoundTensor{role, place.block + 1, std::max<std::int64_t>(place.member, 0)};
  };
  const std::string unwrapped = without_wrappers(name);
  for (const auto& [role, pattern] : extra) {
    for (const std::string_view spelling : {name, std::string_view(unwrapped)}) {
      if (const auto place = match(spelling, pattern)) return bound(role, *place);
    }
  }
  name = unwrapped;
  do {
    if (const auto found = match(name, table, extra)) return bound(found->first, found->second);
  } while (take_prefix(name));
  return std::nullopt;
}

Standing standing_of(const Architecture& architecture, std::string_view name) {
  const RoleTable& table = table_of(architecture);
  // TransformerEngine keeps the history of its scales there; weights lie beside it as they are.
  if (name.ends_with("._extra_state")) return Standing::idle;
  const std::string unwrapped = without_wrappers(name);
  std::string_view rest = unwrapped;
  do {
    for (const IdleName& idle : idle_names()) {
      if (!idle.architecture.empty() && idle.architecture != architecture.name) continue;
      if (match(rest, idle.pattern)) return Standing::idle;
    }
    if (is_within(rest, table)) return Standing::within;
  } while (take_prefix(rest));
  return Standing::outside;
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

std::vector<BoundTensor> bind_roles(const Architecture& architecture,
                                    std::span<const NamedTensor> tensors, const RoleNames& extra) {
  architecture.check();
  std::vector<BoundTensor> bound;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (auto found = role_of(architecture, tensors[i].name, extra)) {
      found->tensor = i;
      bound.push_back(*found);
    }
  }
  const auto place = [](const BoundTensor& b) { return std::tuple(b.block, b.role, b.member); };
  std::ranges::sort(bound, {}, place);
  const auto twice = std::ranges::adjacent_find(bound, {}, place);
  if (twice != bound.end()) {
    throw std::invalid_argument("parameters " + tensors[twice->tensor].name + " and " +
                                tensors[std::next(twice)->tensor].name + " both play the role of " +
                                std::string(name_of(twice->role)));
  }
  check_complete(architecture, bound, tensors);
  return bound;
}

}  // namespace azimuth
