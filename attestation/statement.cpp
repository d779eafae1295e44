#include "statement.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "azimuth/file_error.h"
#include "integrations/checkpoints/files/strict_json.h"

namespace azimuth {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kStatementType = "https://in-toto.io/Statement/v1";
constexpr const char* kPayload = "payload";
constexpr std::size_t kMaxStatementValues = 1'000'000;
constexpr std::int64_t kMaxBases = 1'000'000;
constexpr std::int64_t kMaxTests = 1'000'000'000'000;

ordered_json descriptors(const std::vector<FileDigest>& files) {
  ordered_json list = ordered_json::array();
  for (const FileDigest& file : files) {
    list.push_back({{"name", file.name}, {"digest", {{"sha256", file.sha256}}}});
  }
  return list;
}

bool is_digest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// A value of the statement, and the way to it.
class Value {
 public:
  Value(const std::filesystem::path& file, const json& value) : file_(file), value_(value) {}

  Value operator[](const char* name) const {
    const std::string path = path_.empty() ? name : path_ + "." + name;
    if (!value_.is_object()) fail("is not an object");
    const auto member = value_.find(name);
    if (member == value_.end()) throw FileError(file_, kPayload, path + " is missing");
    return {file_, *member, path};
  }

  std::vector<Value> list() const {
    if (!value_.is_array()) fail("is not a list");
    std::vector<Value> values;
    for (std::size_t i = 0; i < value_.size(); ++i) {
      values.push_back({file_, value_[i], path_ + "[" + std::to_string(i) + "]"});
    }
    return values;
  }

  const std::string& text() const {
    if (!value_.is_string()) fail("is not a string");
    return value_.get_ref<const std::string&>();
  }

  const std::string& digest() const {
    if (!is_digest(text())) fail("is not SHA-256 in 64 hexadecimal digits");
    return text();
  }

  double number() const {
    if (!value_.is_number()) fail("is not a number");
    return value_.get<double>();
  }

  /// As Protobuf's JSON has it.
  double number_or_nan() const {
    if (value_.is_string() && value_ == "NaN") return std::numeric_limits<double>::quiet_NaN();
    return number();
  }

  std::int64_t integer() const {
    const double value = number();
    if (!(std::abs(value) < 1e15) || value != std::floor(value)) fail("is not a whole number");
    return static_cast<std::int64_t>(value);
  }

  /// As Protobuf's JSON has a 64-bit integer: in quotes.
  std::int64_t count(std::int64_t least, std::int64_t most) const {
    std::int64_t value = 0;
    const std::string& digits = text();
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < least ||
        value > most) {
      fail("is not a count");
    }
    return value;
  }

  bool boolean() const {
    if (!value_.is_boolean()) fail("is neither true nor false");
    return value_.get<bool>();
  }

  std::string dump() const { return value_.dump(); }

  [[noreturn]] void fail(const std::string& why) const {
    throw FileError(file_, kPayload, (path_.empty() ? "" : path_ + " ") + why);
  }

 private:
  Value(const std::filesystem::path& file, const json& value, std::string path)
      : file_(file), value_(value), path_(std::move(path)) {}

  const std::filesystem::path& file_;
  const json& value_;
  std::string path_;
};

std::vector<FileDigest> files_of(const Value& list) {
  std::vector<FileDigest> files;
  std::set<std::string> names;
  for (const Value& descriptor : list.list()) {
    FileDigest file{descriptor["name"].text(), descriptor["digest"]["sha256"].digest()};
    if (file.name.empty()) descriptor.fail("has no name");
    if (!names.insert(file.name).second) descriptor.fail("has the name of another: " + file.name);
    files.push_back(std::move(file));
  }
  if (files.empty()) list.fail("holds no file");
  return files;
}

void expect(const Value& value, std::string_view text) {
  if (value.text() != text) value.fail("is '" + value.text() + "', and not " + std::string(text));
}

}  // namespace

std::string statement_of(const Attestation& a) {
  ordered_json evidence;
  try {
    evidence = ordered_json::parse(a.evidence);
  } catch (const ordered_json::parse_error& error) {
    throw std::invalid_argument(std::string("evidence: ") + error.what());
  }
  const ordered_json statement = {
      {"_type", kStatementType},
      {"subject", descriptors(a.release)},
      {"predicateType", kAuditPredicateType},
      {"predicate",
       {{"base", {{"weightsDigest", a.base_weights_digest}, {"files", descriptors(a.base)}}},
        {"evidence", std::move(evidence)},
        {"verdict", a.verdict},
        {"thresholds",
         {{"rate", a.rate},
          {"matchShare", a.match_share},
          {"matchNeurons", a.match_neurons},
          {"noMatchShare", a.no_match_share}}},
        {"versions", {{"azimuth", a.program_version}, {"schema", a.schema_version}}},
        {"auditedAt", a.audited_at},
        {"supposes", a.supposes}}}};
  return statement.dump();
}

Attestation parse_statement(const std::filesystem::path& file, std::string_view text) {
  const json parsed = parse_json<json>(file, kPayload, text, kMaxStatementValues);
  const Value statement(file, parsed);
  expect(statement["_type"], kStatementType);
  expect(statement["predicateType"], kAuditPredicateType);
  const Value predicate = statement["predicate"];
  const Value evidence = predicate["evidence"];

  Attestation a;
  a.release = files_of(statement["subject"]);
  a.base = files_of(predicate["base"]["files"]);
  a.base_weights_digest = predicate["base"]["weightsDigest"].digest();
  expect(evidence["base"]["weights_digest"], a.base_weights_digest);
  a.verdict = predicate["verdict"].text();
  expect(evidence["verdict"], a.verdict);
  a.evidence = evidence.dump();

  const Value thresholds = predicate["thresholds"];
  a.rate = thresholds["rate"].number();
  if (!(a.rate > 0 && a.rate < 1)) thresholds["rate"].fail("is not between 0 and 1");
  if (evidence["rate"].number() != a.rate) thresholds["rate"].fail("is not that of the evidence");
  a.bases = evidence["bases"].count(1, kMaxBases);
  a.thorough = evidence["thorough"].boolean();
  a.tests = evidence["tests"].count(0, kMaxTests);
  a.log10_corrected_p = evidence["log10_corrected_p"].number_or_nan();
  a.share = evidence["share"].number_or_nan();
  a.match_share = thresholds["matchShare"].number();
  a.match_neurons = thresholds["matchNeurons"].integer();
  a.no_match_share = thresholds["noMatchShare"].number();

  a.program_version = predicate["versions"]["azimuth"].text();
  a.schema_version = predicate["versions"]["schema"].text();
  a.audited_at = predicate["auditedAt"].text();
  a.supposes = predicate["supposes"].text();
  a.statement = text;
  return a;
}

}  // namespace azimuth
