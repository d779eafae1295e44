#include "files/strict_json.h"

#include <limits>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "azimuth/file_error.h"
#include "files/mapped_file.h"

namespace azimuth {
namespace {

constexpr std::size_t kMaxDepth = 32;

constexpr std::string_view kWholeFile = "JSON";

// Reads a text without keeping it, throws for all that is not allowed, and hands the rest on, if
// there is a reader. nlohmann's own callbacks while parsing would do, but take time in proportion
// to the square of the members of an object.
class Checker final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Checker(const std::filesystem::path& file, std::string_view what, std::size_t max_values,
          nlohmann::json_sax<nlohmann::json>* reader = nullptr)
      : file_(file), what_(what), max_values_(max_values), reader_(reader) {}

  bool null() override { return count() && (!reader_ || reader_->null()); }
  bool boolean(bool value) override { return count() && (!reader_ || reader_->boolean(value)); }
  bool number_integer(number_integer_t value) override {
    return count() && (!reader_ || reader_->number_integer(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return count() && (!reader_ || reader_->number_unsigned(value));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    return count() && (!reader_ || reader_->number_float(value, text));
  }
  bool string(string_t& value) override { return count() && (!reader_ || reader_->string(value)); }
  bool binary(binary_t&) override { return false; }  // JSON has none

  bool start_object(std::size_t size) override {
    return enter() && (!reader_ || reader_->start_object(size));
  }
  bool end_object() override { return leave() && (!reader_ || reader_->end_object()); }
  bool start_array(std::size_t size) override {
    return enter() && (!reader_ || reader_->start_array(size));
  }
  bool end_array() override { return leave() && (!reader_ || reader_->end_array()); }

  bool key(string_t& key) override {
    if (!keys_.back().insert(key).second) fail("\"" + key.substr(0, 120) + "\" appears twice");
    return !reader_ || reader_->key(key);
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
  nlohmann::json_sax<nlohmann::json>* reader_;
  std::size_t values_ = 0;
  std::vector<std::unordered_set<std::string>> keys_;  // of all that is open; an array has none
};

constexpr std::size_t kMaxPythonValues = 1'000'000;
constexpr std::size_t kMaxKeptValues = 100'000;
constexpr std::size_t kMaxMembers = 10'000;

using OrderedJson = nlohmann::ordered_json;

constexpr std::string_view kTooMany = "more than";

// Python's names of the numbers that JSON has none for.
constexpr std::pair<std::string_view, double> kPythonNumbers[] = {
    {"NaN", std::numeric_limits<double>::quiet_NaN()},
    {"Infinity", std::numeric_limits<double>::infinity()},
    {"-Infinity", -std::numeric_limits<double>::infinity()},
};
constexpr const char* kFloatKey = "__float__";

// What Transformers 5 writes in the place of such a number.
std::string object_of(std::string_view number) {
  return OrderedJson::object({{kFloatKey, number}}).dump();
}

// The number that stands for an object of that kind; any other value is left as it is.
OrderedJson number_or(OrderedJson value) {
  if (!value.is_object() || value.size() != 1 || !value.contains(kFloatKey)) return value;
  for (const auto& [name, number] : kPythonNumbers) {
    if (value[kFloatKey] == name) return number;
  }
  return value;
}

// Builds the values that are kept, of a text that has been checked.
class Outline final : public nlohmann::json_sax<OrderedJson> {
 public:
  Outline(const std::filesystem::path& file, std::string_view what) : file_(file), what_(what) {}

  OrderedJson take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return enter(OrderedJson::object()); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(OrderedJson::array()); }
  bool end_array() override { return leave(); }

  bool key(string_t& key) override {
    if (skipped_ == 0) open_.back().key = std::move(key);
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  struct Open {
    OrderedJson value;
    std::string key;  // of the member that is read
    std::size_t kept_before;
    bool dropped = false;
  };

  // What lies in a container of too many members is not looked at.
  bool add(OrderedJson value) {
    if (skipped_ > 0 || (!open_.empty() && open_.back().dropped)) return true;
    if (++kept_ > kMaxKeptValues) {
      throw FileError(file_, what_,
                      "holds more than the " + std::to_string(kMaxKeptValues) +
                          " values that are read, long lists apart");
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Open& open = open_.back();
    if (open.value.size() == kMaxMembers && open_.size() == 1) {
      throw FileError(file_, what_,
                      "holds more than the " + std::to_string(kMaxMembers) +
                          " members that are read, lists and objects within it apart");
    }
    if (open.value.size() == kMaxMembers) {
      open.value = OrderedJson::array(
          {std::string(kTooMany) + " " + std::to_string(kMaxMembers) + " members"});
      open.dropped = true;
      kept_ = open.kept_before + 2;
    } else if (open.value.is_array()) {
      open.value.push_back(std::move(value));
    } else {
      // Keys differ: looking for one like it would take time in proportion to the members.
      open.value.get_ref<OrderedJson::object_t&>().push_back(
          {std::move(open.key), std::move(value)});
    }
    return true;
  }

  bool enter(OrderedJson empty) {
    if (skipped_ > 0 || (!open_.empty() && open_.back().dropped)) {
      ++skipped_;
    } else {
      open_.push_back({std::move(empty), {}, kept_});
    }
    return true;
  }

  bool leave() {
    if (skipped_ > 0) {
      --skipped_;
      return true;
    }
    OrderedJson value = std::move(open_.back().value);
    open_.pop_back();
    return add(number_or(std::move(value)));
  }

  const std::filesystem::path& file_;
  std::string_view what_;
  OrderedJson root_;
  std::vector<Open> open_;
  std::size_t skipped_ = 0;  // containers that are open inside one that was dropped
  std::size_t kept_ = 0;
};

// Puts what JSON has where Python's names of numbers stand outside strings.
std::string without_names_of_numbers(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t copied = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      for (const auto& [name, number] : kPythonNumbers) {
        if (!text.substr(i).starts_with(name)) continue;
        out += text.substr(copied, i - copied);
        out += object_of(name);
        copied = i + name.size();
        i = copied - 1;
        break;
      }
    }
  }
  return out += text.substr(copied);
}

std::string_view text_of(const MappedFile& mapping, const std::filesystem::path& file,
                         std::size_t max_bytes) {
  const auto bytes = mapping.bytes();
  if (bytes.size() > max_bytes) {
    throw FileError(file, kWholeFile,
                    "has " + std::to_string(bytes.size()) + " bytes; at most " +
                        std::to_string(max_bytes) + " are read");
  }
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string why_left_out(const nlohmann::ordered_json& value) {
  if (!value.is_array() || value.size() != 1 || !value[0].is_string()) return {};
  const auto& text = value[0].get_ref<const std::string&>();
  return text.starts_with(kTooMany) ? "has " + text : "";
}

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
  return parse_json<Json>(file, kWholeFile, text_of(mapping, file, max_bytes), max_values);
}

void read_json_file(const std::filesystem::path& file, std::size_t max_bytes,
                    std::size_t max_values, nlohmann::json_sax<nlohmann::json>& reader) {
  const MappedFile mapping(file);
  const std::string_view text = text_of(mapping, file, max_bytes);
  Checker checker(file, kWholeFile, max_values, &reader);
  nlohmann::json::sax_parse(text.begin(), text.end(), &checker);
}

nlohmann::ordered_json parse_python_json(const std::filesystem::path& file, std::string_view what,
                                         std::string_view text) {
  const std::string plain = without_names_of_numbers(text);
  Checker checker(file, what, kMaxPythonValues);
  nlohmann::json::sax_parse(plain.begin(), plain.end(), &checker);
  Outline outline(file, what);
  OrderedJson::sax_parse(plain.begin(), plain.end(), &outline);
  return outline.take();
}

nlohmann::ordered_json parse_python_json_file(const std::filesystem::path& file,
                                              std::size_t max_bytes) {
  const MappedFile mapping(file);
  return parse_python_json(file, kWholeFile, text_of(mapping, file, max_bytes));
}

template nlohmann::json parse_json(const std::filesystem::path&, std::string_view, std::string_view,
                                   std::size_t);
template nlohmann::ordered_json parse_json(const std::filesystem::path&, std::string_view,
                                           std::string_view, std::size_t);
template nlohmann::json parse_json_file(const std::filesystem::path&, std::size_t, std::size_t);
template nlohmann::ordered_json parse_json_file(const std::filesystem::path&, std::size_t,
                                                std::size_t);

}  // namespace azimuth
