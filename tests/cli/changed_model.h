#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/run_program.h"

namespace azimuth::testing {

/// A Hugging Face folder of one safetensors file, copied, some of its numbers to be changed.
class ChangedModel {
 public:
  ChangedModel(const std::filesystem::path& from, std::filesystem::path to)
      : folder_(std::move(to)) {
    std::filesystem::copy(from, folder_, std::filesystem::copy_options::recursive);
    const std::string bytes = contents_of(folder_ / kWeights);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    header_ = nlohmann::json::parse(bytes.substr(sizeof length, length));
    data_ = bytes.substr(sizeof length + length);
  }

  const std::filesystem::path& folder() const { return folder_; }
  nlohmann::json& header() { return header_; }
  std::string& data() { return data_; }

  /// Gives every float32 of a tensor to `change`, in order.
  ChangedModel& change(const std::string& tensor,
                       const std::function<float(std::size_t, float)>& change) {
    const nlohmann::json& entry = header_.at(tensor);
    const std::size_t begin = entry.at("data_offsets").at(0);
    const std::size_t end = entry.at("data_offsets").at(1);
    for (std::size_t i = 0; begin + i * sizeof(float) < end; ++i) {
      float value = 0;
      std::memcpy(&value, data_.data() + begin + i * sizeof value, sizeof value);
      value = change(i, value);
      std::memcpy(data_.data() + begin + i * sizeof value, &value, sizeof value);
    }
    return *this;
  }

  ChangedModel& set(const std::string& tensor, std::size_t index, float value) {
    return change(tensor, [&](std::size_t i, float old) { return i == index ? value : old; });
  }

  /// As `write`, without the data that no tensor is left to claim, where tensors were moved.
  std::string write_compactly() {
    std::string kept;
    for (auto& [name, entry] : header_.items()) {
      if (!entry.contains("data_offsets")) continue;
      nlohmann::json& offsets = entry.at("data_offsets");
      const std::size_t begin = offsets.at(0);
      const std::size_t size = offsets.at(1).get<std::size_t>() - begin;
      offsets = {kept.size(), kept.size() + size};
      kept += data_.substr(begin, size);
    }
    data_ = kept;
    return write();
  }

  /// Writes the file, and gives the folder's name.
  std::string write() const {
    const std::string header = header_.dump();
    const std::uint64_t length = header.size();
    std::ofstream out(folder_ / kWeights, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), sizeof length);
    out << header << data_;
    return folder_;
  }

 private:
  static constexpr const char* kWeights = "model.safetensors";

  std::filesystem::path folder_;
  nlohmann::json header_;
  std::string data_;
};

}  // namespace azimuth::testing
