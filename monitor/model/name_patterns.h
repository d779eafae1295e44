#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace azimuth {

/// Block and expert as a name counts them; -1 where the pattern has no hole for them.
struct NamedPlace {
  std::int64_t block = -1;
  std::int64_t member = -1;
};

/// Whether `name` is `pattern` with a number in each `{}`; there are at most two.
std::optional<NamedPlace> match(std::string_view name, std::string_view pattern);

/// Takes a number off the front of `text`.
std::optional<std::int64_t> take_number(std::string_view& text);

/// `name` without the parts that wrappers of a module have put into it, anywhere and in any order.
std::string without_wrappers(std::string_view name);

/// Takes one prefix off that stands before the names of the model proper; false if there is none.
bool take_prefix(std::string_view& name);

}  // namespace azimuth
