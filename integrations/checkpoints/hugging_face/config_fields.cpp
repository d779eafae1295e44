#include "hugging_face/config_fields.h"

#include <cmath>
#include <string>
#include <utility>

#include "azimuth/file_error.h"
#include "files/strict_json.h"

namespace azimuth {
namespace {

std::string number_text(const ConfigFields::Json& value) {
  const auto number = value.get<double>();
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return value.dump();
}

}  // namespace

ConfigFields::ConfigFields(const std::filesystem::path& file, const Json& object,
                           std::string prefix)
    : file_(file), object_(object), prefix_(std::move(prefix)) {}

std::int64_t ConfigFields::count(Keys keys, std::int64_t otherwise, std::int64_t max) const {
  for (const std::string_view key : keys) {
    const Json* value = find(key);
    if (value != nullptr) return within(key, *value, 1, max);
  }
  return otherwise;
}

std::int64_t ConfigFields::count_from_zero(std::string_view key, std::int64_t otherwise,
                                           std::int64_t max) const {
  const Json* value = find(key);
  return value == nullptr ? otherwise : within(key, *value, 0, max);
}

std::vector<std::int64_t> ConfigFields::counts(std::string_view key, std::int64_t max) const {
  const Json* list = find(key);
  std::vector<std::int64_t> all;
  if (list == nullptr) return all;
  if (!list->is_array()) fail(key, "is not an array");
  for (const Json& value : *list) all.push_back(within(key, value, 0, max));
  return all;
}

std::vector<std::string> ConfigFields::texts(std::string_view key) const {
  const Json* list = find(key);
  std::vector<std::string> all;
  if (list == nullptr) return all;
  if (!list->is_array() || !why_left_out(*list).empty()) fail(key, "is not an array");
  for (const Json& value : *list) {
    if (!value.is_string()) fail(key, "is not an array of strings");
    all.push_back(value.get<std::string>());
  }
  return all;
}

std::vector<double> ConfigFields::reals(std::string_view key, std::vector<double> otherwise,
                                        double max) const {
  const Json* list = find(key);
  if (list == nullptr) return otherwise;
  if (!list->is_array() || list->size() != otherwise.size()) {
    fail(key, "is not an array of " + std::to_string(otherwise.size()) + " numbers");
  }
  for (std::size_t i = 0; i < otherwise.size(); ++i) {
    const Json& value = (*list)[i];
    if (!value.is_number()) fail(key, "is not an array of numbers");
    const double number = value.get<double>();
    if (!(number >= 0 && number <= max)) {
      fail(key, "holds " + number_text(value) + "; numbers from 0" +
                    (std::isinf(max) ? "" : " to " + Json(max).dump()) + " are allowed");
    }
    otherwise[i] = number;
  }
  return otherwise;
}

std::int64_t ConfigFields::within(std::string_view key, const Json& value, std::int64_t min,
                                  std::int64_t max) const {
  if (!value.is_number_integer()) fail(key, "is not an integer");
  const bool fits =
      value.is_number_unsigned() && value.get<std::uint64_t>() <= static_cast<std::uint64_t>(max);
  if (!fits || value.get<std::int64_t>() < min) {
    fail(key, "is " + value.dump() + "; " + std::to_string(min) + " to " + std::to_string(max) +
                  " is allowed");
  }
  return value.get<std::int64_t>();
}

double ConfigFields::real(std::string_view key, double otherwise, double max) const {
  const Json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_number()) fail(key, "is not a number");
  const double number = value->get<double>();
  if (std::isnan(number)) fail(key, "is not a number");
  if (number < 0 || number > max) {
    fail(key, "is " + number_text(*value) + "; 0 to " + number_text(max) + " is allowed");
  }
  return number;
}

bool ConfigFields::flag(std::string_view key, bool otherwise) const {
  const Json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) fail(key, "is neither true nor false");
  return value->get<bool>();
}

std::string_view ConfigFields::text(std::string_view key, std::string_view otherwise) const {
  const Json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) fail(key, "is not a string");
  return value->get_ref<const std::string&>();
}

ConfigFields ConfigFields::object(std::string_view key) const {
  static const Json kNone = Json::object();
  const Json* value = find(key);
  if (value != nullptr && !value->is_object()) fail(key, "is not an object");
  return {file_, value == nullptr ? kNone : *value, prefix_ + std::string(key) + "."};
}

bool ConfigFields::is_null(std::string_view key) const {
  return has(key) && object_.find(key)->is_null();
}

void ConfigFields::fail(std::string_view key, std::string_view why) const {
  // What was too long to be kept is of none of the types that are asked for.
  const Json* value = find(key);
  const std::string left_out = value == nullptr ? "" : why_left_out(*value);
  throw FileError(file_, "key " + prefix_ + std::string(key), left_out.empty() ? why : left_out);
}

const ConfigFields::Json* ConfigFields::find(std::string_view key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace azimuth
