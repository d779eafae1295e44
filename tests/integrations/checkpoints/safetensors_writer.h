#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "integrations/checkpoints/gguf_writer.h"

namespace azimuth::testing {

/// The fields of a tensor's description are JSON as it is written.
struct SafetensorsTensor {
  std::string name;
  std::string dtype = R"("F32")";
  std::string shape;
  std::string data;
  std::optional<std::string> offsets = {};  ///< else right behind the tensor before
};

/// Makes safetensors files. What it writes is what the fields say, valid or not: a hostile file is
/// a valid one with one field changed.
struct SafetensorsWriter {
  std::vector<SafetensorsTensor> tensors;
  std::string metadata = R"({"format":"pt"})";
  std::optional<std::string> header = {};  ///< else the description of `tensors`
  std::optional<std::uint64_t> header_length = {};
  std::size_t alignment = 8;  ///< of the data in the file
  std::string tail;           ///< bytes behind the data

  std::string bytes() const {
    std::string text = "{\"__metadata__\":" + metadata;
    std::string data;
    for (const SafetensorsTensor& tensor : tensors) {
      const std::string begin = std::to_string(data.size());
      data += tensor.data;
      text += ",\"" + tensor.name + "\":{\"dtype\":" + tensor.dtype + ",\"shape\":" + tensor.shape +
              ",\"data_offsets\":" +
              tensor.offsets.value_or("[" + begin + "," + std::to_string(data.size()) + "]") + "}";
    }
    text = header.value_or(text + "}");
    while ((8 + text.size()) % 8 != alignment % 8) text += ' ';
    return raw<std::uint64_t>(header_length.value_or(text.size())) + text + data + tail;
  }
};

/// A folder that is there as long as this object.
class TemporaryFolder {
 public:
  TemporaryFolder() { std::filesystem::create_directories(path_); }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  /// Returns the path of the file.
  std::filesystem::path write(std::string_view name, std::string_view bytes) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::remove(file);  // a mapping of what was there before stays as it was
    std::ofstream stream(file, std::ios::binary);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    EXPECT_TRUE(stream.flush()) << file;
    return file;
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  static std::filesystem::path unique_path() {
    static int count = 0;
    return std::filesystem::path(::testing::TempDir()) /
           ("azimuth_" + std::to_string(::getpid()) + "_folder_" + std::to_string(++count));
  }

  std::filesystem::path path_ = unique_path();
};

inline std::string f32_data(const std::vector<float>& numbers) {
  std::string data;
  for (const float number : numbers) data += raw(number);
  return data;
}

/// A matrix of 2 rows and 3 columns, a mask of truth values and a row of two halves.
inline SafetensorsWriter small_safetensors() {
  SafetensorsWriter file;
  file.tensors = {{"matrix", R"("F32")", "[2,3]", f32_data({1, 2, 3, 4, 5, 6})},
                  {"mask", R"("BOOL")", "[4]", std::string(4, '\1')},
                  {"row", R"("BF16")", "[2]", std::string("\x80\x3f\x00\x40", 4)}};
  return file;
}

}  // namespace azimuth::testing
