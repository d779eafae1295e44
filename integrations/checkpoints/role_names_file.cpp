#include "azimuth/role_names_file.h"

#include <string>

#include "files/strict_json.h"

namespace azimuth {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr std::size_t kMaxValues = 1000;
constexpr const char* kIgnored = "ignored";

std::string pattern_from(const std::filesystem::path& file, const std::string& key,
                         const nlohmann::json& value) {
  const auto* text = value.get_ptr<const std::string*>();
  if (text == nullptr || text->empty()) {
    throw FileError(file, "key " + key, "is not the name of a parameter");
  }
  return *text;
}

}  // namespace

RoleNames read_role_names(const std::filesystem::path& file) {
  const auto json = parse_json_file<nlohmann::json>(file, kMaxBytes, kMaxValues);
  if (!json.is_object()) throw FileError(file, "JSON", "is not an object of roles and their names");
  RoleNames names;
  for (const auto& [key, value] : json.items()) {
    if (key != kIgnored) {
      const Role role =
          with_file_errors(file, "key " + key, [&key = key] { return role_named(key); });
      names.patterns[role] = pattern_from(file, key, value);
      continue;
    }
    if (!value.is_array()) throw FileError(file, "key ignored", "is not a list");
    for (const nlohmann::json& entry : value) {
      names.ignored.push_back(pattern_from(file, key, entry));
    }
  }
  return names;
}

}  // namespace azimuth
