#include "files/strict_json.h"

#include <string>
#include <unordered_set>
#include <vector>

#include "azimuth/file_error.h"
#include "files/mapped_file.h"

namespace azimuth {
namespace {

constexpr std::size_t kMaxDepth = 32;

constexpr std::string_view kWholeFile = "JSON";

// Reads a text without keeping it and throws for all that is not allowed. nlohmann's own callbacks
// while parsing would do, but take time in proportion to the square of the members of an object.
class Checker final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Checker(const std::filesystem::path& file, std::string_view what, std::size_t max_values)
      : file_(file), what_(what), max_values_(max_values) {}

  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(number_integer_t) override { return count(); }
  bool number_unsigned(number_unsigned_t) override { return count(); }
  bool number_float(number_float_t, const string_t&) override { return count(); }
  bool string(string_t&) override { return count(); }
  bool binary(binary_t&) override { return count(); }

  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }

  bool key(string_t& key) override {
    if (!keys_.back().insert(key).second) fail("\"" + key.substr(0, 120) + "\" appears twice");
    return true;
  }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    std::string_view why = error.what();  // "[json.exception.KIND.NUMBER] WHY"
    if (const auto end = why.find("] "); end != std::string_view::npos) why.remove_prefix(end + 2);
    fail(why);
  }

 private:
  [[noreturn]] void fail(std::string_view why) const { throw FileError(file_, what_, why); }

  bool count() {
    if (++values_ > max_values_) {
      fail("holds more than the " + std::to_string(max_values_) + " values that are read");
    }
    return true;
  }

  bool enter() {
    if (keys_.size() == kMaxDepth) {
      fail("is nested more than " + std::to_string(kMaxDepth) + " deep");
    }
    keys_.emplace_back();
    return count();
  }

  bool leave() {
    keys_.pop_back();
    return true;
  }

  const std::filesystem::path& file_;
  std::string_view what_;
  std::size_t max_values_;
  std::size_t values_ = 0;
  std::vector<std::unordered_set<std::string>> keys_;  // of all that is open; an array has none
};

}  // namespace

template <class Json>
Json parse_json(const std::filesystem::path& file, std::string_view what, std::string_view text,
                std::size_t max_values) {
  Checker checker(file, what, max_values);
  nlohmann::json::sax_parse(text.begin(), text.end(), &checker);
  return Json::parse(text.begin(), text.end());
}

template <class Json>
Json parse_json_file(const std::filesystem::path& file, std::size_t max_bytes,
                     std::size_t max_values) {
  const MappedFile mapping(file);
  const auto bytes = mapping.bytes();
  if (bytes.size() > max_bytes) {
    throw FileError(file, kWholeFile,
                    "has " + std::to_string(bytes.size()) + " bytes; at most " +
                        std::to_string(max_bytes) + " are read");
  }
  return parse_json<Json>(file, kWholeFile,
                          {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, max_values);
}

template nlohmann::json parse_json(const std::filesystem::path&, std::string_view, std::string_view,
                                   std::size_t);
template nlohmann::ordered_json parse_json(const std::filesystem::path&, std::string_view,
                                           std::string_view, std::size_t);
template nlohmann::json parse_json_file(const std::filesystem::path&, std::size_t, std::size_t);
template nlohmann::ordered_json parse_json_file(const std::filesystem::path&, std::size_t,
                                                std::size_t);

}  // namespace azimuth
