#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "integrations/checkpoints/safetensors/safetensors_writer.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {

inline const std::filesystem::path kQuantised = AZIMUTH_TEST_DATA "/quantised";

inline std::string contents_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// A model folder that can be changed before it is read: a hostile one is a valid one with one
/// thing changed.
class QuantisedFolder {
 public:
  explicit QuantisedFolder(const std::filesystem::path& from)
      : config(nlohmann::json::parse(contents_of(from / "config.json"))) {
    const std::string bytes = contents_of(from / "model.safetensors");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof(length));
    const auto header = nlohmann::json::parse(bytes.substr(8, length));
    for (const auto& [name, tensor] : header.items()) {
      if (name == "__metadata__") continue;
      const auto begin = tensor["data_offsets"][0].get<std::size_t>();
      const auto end = tensor["data_offsets"][1].get<std::size_t>();
      tensors.push_back({name, tensor["dtype"].dump(), tensor["shape"].dump(),
                         bytes.substr(8 + length + begin, end - begin)});
    }
  }

  SafetensorsTensor& tensor(const std::string& name) {
    for (SafetensorsTensor& tensor : tensors) {
      if (tensor.name == name) return tensor;
    }
    ADD_FAILURE() << name;
    return tensors.front();
  }

  void remove(const std::string& name) {
    EXPECT_EQ(std::erase_if(tensors, [&](const auto& tensor) { return tensor.name == name; }), 1u);
  }

  /// One number of the tensor.
  template <class T>
  void set(const std::string& name, std::size_t index, T value) {
    std::memcpy(tensor(name).data.data() + index * sizeof(T), &value, sizeof(T));
  }

  /// Written where `folder` is.
  const std::filesystem::path& write(const TemporaryFolder& folder) const {
    folder.write("config.json", config.dump());
    SafetensorsWriter writer;
    writer.tensors = tensors;
    folder.write("model.safetensors", writer.bytes());
    return folder.path();
  }

  nlohmann::json config;
  std::vector<SafetensorsTensor> tensors;
};

}  // namespace azimuth::testing
