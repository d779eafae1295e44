#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "azimuth/joined.h"
#include "azimuth/roles.h"
#include "model/name_patterns.h"
#include "model/near_names.h"
#include "model/role_facts.h"

namespace azimuth {
namespace {

std::size_t holes_in(std::string_view pattern) {
  std::size_t count = 0;
  for (std::size_t at = pattern.find("{}"); at != std::string_view::npos;
       at = pattern.find("{}", at + 2)) {
    ++count;
  }
  return count;
}

// Throws where the numbers of block and expert cannot be told from a pattern.
void check_holes(const Architecture& architecture, const RoleFacts& facts,
                 const std::string& subject, std::string_view pattern) {
  const std::size_t holes = holes_in(pattern);
  const bool of_model = !facts.is_of_a_block();
  const bool of_expert = facts.place == RoleFacts::Place::expert && architecture.experts > 0;
  // A head may have a norm of its own: two holes there, or one.
  const bool of_head = facts.role == Role::query_norm_weight || facts.role == Role::key_norm_weight;
  if (of_model && holes > (facts.place == RoleFacts::Place::stream ? 1u : 0u)) {
    throw std::invalid_argument(subject + " has a {}, and lies outside the blocks");
  }
  if (!of_model && holes == 0) {
    throw std::invalid_argument(subject + " has no {} for the number of the block");
  }
  if (of_expert && holes == 1) {
    throw std::invalid_argument(subject + " has no second {} for the number of the expert");
  }
  if (holes > (of_expert || of_head ? 2u : 1u) && !of_model) {
    throw std::invalid_argument(subject + " has more {} than there are numbers in such a name");
  }
}

/// Names as patterns see them.
class Spellings {
 public:
  Spellings(const Architecture& architecture, const NamedTensors& tensors, const RoleNames& names) {
    const std::size_t hiding = hiding_prefix(architecture, tensors.tensors, names);
    const auto add = [&](const std::string& name) {
      names_.push_back(name.substr(std::min(hiding, name.size())));
    };
    for (const NamedTensor& tensor : tensors.tensors) add(tensor.name);
    for (const UnreadableTensor& tensor : tensors.unreadable) add(tensor.name);
  }

  const std::vector<std::string>& all() const { return names_; }

  void expect_match(const std::string& subject, const std::string& pattern) const {
    const bool found = std::ranges::any_of(
        names_, [&](const std::string& name) { return matches(name, pattern); });
    if (found) return;
    std::vector<std::string> patterns;
    for (const std::string& name : names_) patterns.push_back(pattern_of(name));
    const std::vector<std::string> wanted = {pattern};
    throw std::invalid_argument(subject + " matches no parameter; nearest are " +
                                joined(nearest(patterns, wanted, 3)));
  }

  static bool matches(const std::string& name, std::string_view pattern) {
    if (match(name, pattern)) return true;
    const std::string unwrapped = without_wrappers(name);
    std::string_view rest = unwrapped;
    do {
      if (match(rest, pattern)) return true;
    } while (take_prefix(rest));
    return false;
  }

 private:
  std::vector<std::string> names_;
};

}  // namespace

void check_names(const Architecture& architecture, const NamedTensors& tensors,
                 const RoleNames& names) {
  if (names.patterns.empty() && names.ignored.empty()) return;
  std::set<std::string_view> seen;
  const auto expect_once = [&](const std::string& subject, const std::string& pattern) {
    if (!seen.insert(pattern).second) {
      throw std::invalid_argument(subject + " stands twice in RoleNames (--names)");
    }
  };
  const Spellings spellings(architecture, tensors, names);
  for (const auto& [role, pattern] : names.patterns) {
    const std::string subject =
        "the name of " + std::string(name_of(role)) + ", " + pattern.substr(0, 200) + ",";
    check_holes(architecture, facts_of(role), subject, pattern);
    expect_once(subject, pattern);
    spellings.expect_match(subject, pattern);
  }
  for (const std::string& pattern : names.ignored) {
    const std::string subject = "the ignored " + pattern.substr(0, 200);
    expect_once(subject, pattern);
    spellings.expect_match(subject, pattern);
    for (const std::string& name : spellings.all()) {
      const auto place = role_of(architecture, name, names);
      if (!place || !Spellings::matches(name, pattern)) continue;
      throw std::invalid_argument(subject + " plays a role, " + std::string(name_of(place->role)) +
                                  ", and cannot be ignored");
    }
  }
}

}  // namespace azimuth
