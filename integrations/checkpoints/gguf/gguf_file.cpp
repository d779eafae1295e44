#include "azimuth/gguf_file.h"

#include <cstdio>
#include <map>
#include <utility>

#include "gguf/gguf_part.h"

namespace azimuth {
namespace {

using Parts = std::vector<std::unique_ptr<const GgufPart>>;

constexpr const char* kNumberKey = "split.no";
constexpr const char* kCountKey = "split.count";
constexpr const char* kTensorsKey = "split.tensors.count";

[[noreturn]] void fail(const GgufPart& part, std::string_view key, const std::string& why) {
  throw FileError(part.path(), "key " + std::string(key), why);
}

// What llama.cpp gives the parts of a model: NAME-00002-of-00003.gguf is number 1 of 3.
std::string ending_of(std::int64_t number, std::int64_t count) {
  char text[64];
  std::snprintf(text, sizeof text, "-%05lld-of-%05lld.gguf", static_cast<long long>(number + 1),
                static_cast<long long>(count));
  return text;
}

// NAME, with the folder.
std::string stem_of(const GgufPart& opened, std::int64_t count) {
  constexpr std::int64_t kMaxParts = 65'535;  // the format's own limit
  if (count < 0 || count > kMaxParts) {
    fail(opened, kCountKey,
         "is " + std::to_string(count) + "; 0 to " + std::to_string(kMaxParts) + " are allowed");
  }
  const auto number = opened.value<std::int64_t>(kNumberKey);
  std::string name = opened.path();
  if (number < 0 || number >= count || !name.ends_with(ending_of(number, count))) {
    fail(opened, kNumberKey,
         "is " + std::to_string(number) + " (from 0) of " + std::to_string(count) +
             ", which is not what the file's name ends in");
  }
  name.resize(name.size() - ending_of(number, count).size());
  return name;
}

void check(const GgufPart& part, const char* key, std::int64_t expected) {
  const auto value = part.value<std::int64_t>(key);
  if (value == expected) return;
  fail(part, key,
       "is " + std::to_string(value) + " where " + std::to_string(expected) + " is expected");
}

void check_tensors(const Parts& parts) {
  std::map<std::string_view, const GgufPart*> owners;
  for (const auto& part : parts) {
    const auto add = [&](const std::string& name) {
      const auto [owner, is_new] = owners.try_emplace(name, part.get());
      if (is_new) return;
      throw FileError(part->path(), "tensor " + name,
                      "is also in " + owner->second->path().filename().string());
    };
    for (const NamedTensor& tensor : part->layout().tensors) add(tensor.name);
    for (const UnreadableTensor& tensor : part->layout().unreadable) add(tensor.name);
  }
  check(*parts.front(), kTensorsKey, static_cast<std::int64_t>(owners.size()));
}

// The file itself, or all parts of the model that it is a part of: in its folder, named as it is.
Parts open_parts(const std::filesystem::path& file) {
  Parts parts;
  auto opened = std::make_unique<const GgufPart>(file);
  const std::int64_t count = opened->has(kCountKey) ? opened->value<std::int64_t>(kCountKey) : 1;
  if (count == 0 || count == 1) {
    parts.push_back(std::move(opened));
    return parts;
  }
  const std::string stem = stem_of(*opened, count);
  const auto number = opened->value<std::int64_t>(kNumberKey);
  for (std::int64_t i = 0; i < count; ++i) {
    parts.push_back(i == number ? std::move(opened)
                                : std::make_unique<const GgufPart>(stem + ending_of(i, count)));
    check(*parts.back(), kNumberKey, i);
    check(*parts.back(), kCountKey, count);
  }
  check_tensors(parts);
  return parts;
}

}  // namespace

// The metadata of a split model stand in its first part.
struct GgufFile::Contents {
  Parts parts;

  const GgufPart& first() const { return *parts.front(); }
};

GgufFile GgufFile::open(const std::filesystem::path& file) {
  return GgufFile(std::make_shared<const Contents>(Contents{open_parts(file)}));
}

const std::filesystem::path& GgufFile::path() const { return contents_->first().path(); }

std::vector<std::string_view> GgufFile::keys() const { return contents_->first().layout().keys; }

bool GgufFile::has(std::string_view key) const { return contents_->first().has(key); }

bool GgufFile::is_array(std::string_view key) const { return contents_->first().is_array(key); }

std::int64_t GgufFile::integer(std::string_view key) const {
  return contents_->first().value<std::int64_t>(key);
}

double GgufFile::real(std::string_view key) const { return contents_->first().value<double>(key); }

bool GgufFile::flag(std::string_view key) const { return contents_->first().value<bool>(key); }

std::string_view GgufFile::string(std::string_view key) const {
  return contents_->first().value<std::string_view>(key);
}

std::int64_t GgufFile::length(std::string_view key) const { return contents_->first().length(key); }

std::vector<std::int64_t> GgufFile::integers(std::string_view key) const {
  return contents_->first().array<std::int64_t>(key);
}

std::vector<double> GgufFile::reals(std::string_view key) const {
  return contents_->first().array<double>(key);
}

std::vector<bool> GgufFile::flags(std::string_view key) const {
  return contents_->first().array<bool>(key);
}

std::vector<std::string_view> GgufFile::strings(std::string_view key) const {
  return contents_->first().array<std::string_view>(key);
}

NamedTensors GgufFile::tensors() const {
  NamedTensors result;
  for (const auto& part : contents_->parts) {
    for (const NamedTensor& tensor : part->layout().tensors) {
      result.parameter_count += tensor.view.size();
      result.tensors.push_back(tensor);
    }
    const auto& unreadable = part->layout().unreadable;
    result.unreadable.insert(result.unreadable.end(), unreadable.begin(), unreadable.end());
  }
  result.storage = contents_;
  return result;
}

}  // namespace azimuth
