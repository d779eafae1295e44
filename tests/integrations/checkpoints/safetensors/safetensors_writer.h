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

#include "integrations/checkpoints/gguf/gguf_writer.h"
#include "support/temporary_folder.h"

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
