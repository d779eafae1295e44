#include "model/near_names.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

namespace azimuth {
namespace {

// A hostile file has as many and as long names as it likes.
constexpr std::size_t kMaxNames = 2000;
constexpr std::size_t kMaxLength = 120;

using Pairs = std::vector<std::pair<char, char>>;  // sorted

Pairs pairs_of(std::string_view name) {
  std::string letters;
  for (const char c : name.substr(0, kMaxLength)) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalpha(byte) != 0) letters += static_cast<char>(std::tolower(byte));
  }
  Pairs pairs;
  for (std::size_t i = 1; i < letters.size(); ++i) pairs.emplace_back(letters[i - 1], letters[i]);
  std::ranges::sort(pairs);
  return pairs;
}

double likeness(const Pairs& a, const Pairs& b) {
  if (a.empty() && b.empty()) return 0;
  Pairs shared;
  std::ranges::set_intersection(a, b, std::back_inserter(shared));
  return 2 * static_cast<double>(shared.size()) / static_cast<double>(a.size() + b.size());
}

}  // namespace

std::string pattern_of(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::size_t end = std::min(name.find_first_of("./"), name.size());
    const std::string_view part = name.substr(0, end);
    const bool number = !part.empty() && std::ranges::all_of(part, [](char c) {
      return std::isdigit(static_cast<unsigned char>(c)) != 0;
    });
    out += number ? "{}" : part;
    if (end < name.size()) out += name[end];
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return out;
}

std::vector<std::string> nearest(std::span<const std::string> names,
                                 std::span<const std::string> wanted, std::size_t count) {
  std::vector<Pairs> targets;
  for (const std::string& name : wanted) targets.push_back(pairs_of(name));
  std::vector<std::pair<double, std::string>> found;
  std::set<std::string> seen;
  for (const std::string& name : names.first(std::min(names.size(), kMaxNames))) {
    if (!seen.insert(name).second) continue;
    const Pairs pairs = pairs_of(name);
    double best = 0;
    for (const Pairs& target : targets) best = std::max(best, likeness(pairs, target));
    found.emplace_back(best, name);
  }
  std::ranges::stable_sort(found, std::ranges::greater(), [](const auto& f) { return f.first; });
  std::vector<std::string> out;
  for (auto& [_, name] : found) {
    if (out.size() == count) break;
    out.push_back(std::move(name));
  }
  return out;
}

}  // namespace azimuth
