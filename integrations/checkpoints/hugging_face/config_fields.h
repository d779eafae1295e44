#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace azimuth {

/// The fields of one object in a config.json. A field that is not there, or null, has the value
/// `otherwise`; one of the wrong type or outside the limits is a FileError that names its key.
/// Where several keys are given, they are names of one field, and the first that is there counts.
class ConfigFields {
 public:
  using Json = nlohmann::ordered_json;
  using Keys = std::initializer_list<std::string_view>;

  /// `prefix` goes before keys in errors: "text_config.".
  ConfigFields(const std::filesystem::path& file, const Json& object, std::string prefix = {});

  const Json& json() const { return object_; }

  /// From 1 to `max`.
  std::int64_t count(Keys keys, std::int64_t otherwise, std::int64_t max) const;
  /// The same from 0.
  std::int64_t count_from_zero(std::string_view key, std::int64_t otherwise,
                               std::int64_t max) const;
  /// Each from 0 to `max`; empty where it is not there.
  std::vector<std::int64_t> counts(std::string_view key, std::int64_t max) const;
  /// Texts; empty where it is not there.
  std::vector<std::string> texts(std::string_view key) const;
  /// As many numbers as `otherwise` has, each from 0 to `max`, which may be infinite.
  std::vector<double> reals(std::string_view key, std::vector<double> otherwise, double max) const;
  /// From 0 to `max`, which may be infinite.
  double real(std::string_view key, double otherwise, double max) const;
  bool flag(std::string_view key, bool otherwise) const;
  std::string_view text(std::string_view key, std::string_view otherwise) const;
  /// Without any fields where it is not there.
  ConfigFields object(std::string_view key) const;

  /// At the same place in the file, what `object` says instead: keeps a reference to it.
  ConfigFields with(const Json& object) const { return {file_, object, prefix_}; }

  bool has(std::string_view key) const { return object_.contains(key); }
  /// Neither left out nor null.
  bool gives(std::string_view key) const { return find(key) != nullptr; }
  bool is_null(std::string_view key) const;

  [[noreturn]] void fail(std::string_view key, std::string_view why) const;

 private:
  const Json* find(std::string_view key) const;
  std::int64_t within(std::string_view key, const Json& value, std::int64_t min,
                      std::int64_t max) const;

  const std::filesystem::path& file_;
  const Json& object_;
  std::string prefix_;
};

}  // namespace azimuth
