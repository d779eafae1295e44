#pragma once

#include <functional>
#include <string>

namespace azimuth {

/// "a, b, c": of each of `all` what `name_of` gives, a string or a view of one.
template <class Range, class NameOf = std::identity>
std::string joined(const Range& all, NameOf name_of = {}) {
  std::string out;
  for (const auto& one : all) {
    if (!out.empty()) out += ", ";
    out += std::invoke(name_of, one);
  }
  return out;
}

}  // namespace azimuth
