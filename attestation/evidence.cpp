#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "azimuth/attestation.h"

namespace azimuth {
namespace {

using nlohmann::json;

constexpr double kRelative = 1e-4;
constexpr double kAbsolute = 1e-6;

bool same(const json& a, const json& b) {
  if (!a.is_number() || !b.is_number()) return a == b;
  const double x = a.get<double>();
  const double y = b.get<double>();
  return std::abs(x - y) <= kAbsolute + kRelative * std::max(std::abs(x), std::abs(y));
}

std::string shown(const json* value) {
  return value == nullptr ? "nothing" : value->dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Null stands for what is not there.
void compare_values(const std::string& path, const json* attested, const json* again,
                    std::vector<std::string>& out) {
  const bool both = attested != nullptr && again != nullptr;
  if (both && attested->is_object() && again->is_object()) {
    const auto member = [](const json& object, const std::string& name) {
      const auto found = object.find(name);
      return found == object.end() ? nullptr : &*found;
    };
    const std::string start = path.empty() ? "" : path + ".";
    for (const auto& [name, value] : attested->items()) {
      compare_values(start + name, &value, member(*again, name), out);
    }
    for (const auto& [name, value] : again->items()) {
      if (!attested->contains(name)) compare_values(start + name, nullptr, &value, out);
    }
  } else if (both && attested->is_array() && again->is_array()) {
    for (std::size_t i = 0; i < std::max(attested->size(), again->size()); ++i) {
      compare_values(path + "[" + std::to_string(i) + "]",
                     i < attested->size() ? &(*attested)[i] : nullptr,
                     i < again->size() ? &(*again)[i] : nullptr, out);
    }
  } else if (!both || !same(*attested, *again)) {
    out.push_back(path + ": " + shown(again) + ", and attested was " + shown(attested));
  }
}

json parsed(std::string_view text) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    throw std::invalid_argument(error.what());
  }
}

}  // namespace

std::vector<std::string> evidence_differences(std::string_view attested,
                                              std::string_view made_again) {
  const json before = parsed(attested);
  const json now = parsed(made_again);
  std::vector<std::string> out;
  compare_values("", &before, &now, out);
  return out;
}

}  // namespace azimuth
