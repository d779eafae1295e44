#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azimuth/tensor_view.h"

namespace azimuth::testing {

/// The bytes of a number, as this machine (and GGUF) stores it.
template <class Number>
std::string raw(Number number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

inline std::string raw_string(std::string_view text) {
  return raw<std::uint64_t>(text.size()) + std::string(text);
}

/// Values of metadata: GGUF's number of the type, then the value.
inline std::string u32(std::uint32_t value) { return raw<std::uint32_t>(4) + raw(value); }
inline std::string f32(float value) { return raw<std::uint32_t>(6) + raw(value); }
inline std::string text(std::string_view value) {
  return raw<std::uint32_t>(8) + raw_string(value);
}
inline std::string array(std::uint32_t type, std::uint64_t count, std::string_view elements) {
  return raw<std::uint32_t>(9) + raw(type) + raw(count) + std::string(elements);
}

/// A tensor as GGUF describes it: dimensions innermost first, ggml's number of the type.
struct GgufTensor {
  std::string name;
  std::vector<std::uint64_t> dims;
  std::uint32_t type = 0;
  std::string data;
  std::optional<std::uint64_t> offset = {};  ///< else right behind the tensor before, aligned
};

/// Makes GGUF files. What it writes is what the fields say, valid or not: a hostile file is a valid
/// one with one field changed.
struct GgufWriter {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::optional<std::uint64_t> tensor_count = {};  ///< else as many as there are
  std::optional<std::uint64_t> key_count = {};
  std::vector<std::pair<std::string, std::string>> keys;
  std::vector<GgufTensor> tensors;
  std::uint64_t alignment = 32;  ///< that the data have; no key is written for it

  std::string bytes() const {
    std::string file = magic + raw(version) + raw(tensor_count.value_or(tensors.size())) +
                       raw(key_count.value_or(keys.size()));
    for (const auto& [key, value] : keys) file += raw_string(key) + value;
    std::string data;
    for (const GgufTensor& tensor : tensors) {
      pad(data);
      file += raw_string(tensor.name) + raw(static_cast<std::uint32_t>(tensor.dims.size()));
      for (const std::uint64_t dim : tensor.dims) file += raw(dim);
      file += raw(tensor.type) + raw<std::uint64_t>(tensor.offset.value_or(data.size()));
      data += tensor.data;
    }
    if (!data.empty()) pad(file);
    return file + data;
  }

 private:
  void pad(std::string& to) const {
    to.append((alignment - to.size() % alignment) % alignment, '\0');
  }
};

/// A valid file, taken apart so that it can be changed and written again. `tensors` are its own.
inline GgufWriter taken_apart(const std::string& bytes, const NamedTensors& tensors) {
  GgufWriter writer;
  std::size_t at = 4;
  const auto number = [&]<class Number>(Number& value) {
    std::memcpy(&value, bytes.data() + at, sizeof value);
    at += sizeof value;
  };
  const auto string = [&] {
    std::uint64_t length = 0;
    number(length);
    at += length;
    return bytes.substr(at - length, length);
  };
  const auto skip = [&](std::uint32_t type, std::uint64_t count) {
    constexpr std::size_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    if (type != 8) at += kBytes[type] * count;
    for (; type == 8 && count > 0; --count) string();
  };
  std::uint64_t tensor_count = 0;
  std::uint64_t key_count = 0;
  number(writer.version);
  number(tensor_count);
  number(key_count);
  for (; key_count > 0; --key_count) {
    const std::string key = string();
    const std::size_t begin = at;
    std::uint32_t type = 0;
    std::uint64_t count = 1;
    number(type);
    if (type == 9) {
      number(type);
      number(count);
    }
    skip(type, count);
    writer.keys.emplace_back(key, bytes.substr(begin, at - begin));
  }
  for (const NamedTensor& tensor : tensors.tensors) {
    GgufTensor& copy = writer.tensors.emplace_back();
    copy.name = string();
    std::uint32_t dims = 0;
    number(dims);
    copy.dims.resize(dims);
    for (std::uint64_t& dim : copy.dims) number(dim);
    number(copy.type);
    at += sizeof(std::uint64_t);
    copy.data.assign(reinterpret_cast<const char*>(tensor.view.data),
                     static_cast<std::size_t>(tensor.view.bytes()));
  }
  return writer;
}

/// A file that is there as long as this object.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view bytes) { write(bytes); }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::string_view bytes) {
    std::filesystem::remove(path_);  // a mapping of what was there before stays as it was
    std::ofstream file(path_, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    ASSERT_TRUE(file.flush()) << path_;
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  static std::filesystem::path unique_path() {
    static int count = 0;
    return std::filesystem::path(::testing::TempDir()) /
           ("azimuth_" + std::to_string(::getpid()) + "_" + std::to_string(++count) + ".gguf");
  }

  std::filesystem::path path_ = unique_path();
};

/// Two tensors, a matrix of 2 rows and 3 columns and a quantised row, and a few keys.
inline GgufWriter small_file() {
  GgufWriter file;
  std::string matrix;
  for (const float number : {1.f, 2.f, 3.f, 4.f, 5.f, 6.f}) matrix += raw(number);
  file.keys = {{"general.architecture", text("llama")}, {"a.number", u32(7)}};
  file.tensors = {{"matrix", {3, 2}, 0, matrix}, {"row", {32}, 8, std::string(34, '\x3c')}};
  return file;
}

}  // namespace azimuth::testing
