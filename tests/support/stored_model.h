#pragma once

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "azimuth/further_blocks.h"
#include "azimuth/hugging_face_config.h"
#include "azimuth/safetensors_file.h"
#include "hugging_face/fused_experts.h"

namespace azimuth::testing {

/// A model as a folder has it, before its tensors are bound to roles.
struct StoredModel {
  Architecture architecture;
  NamedTensors tensors;  ///< of all shards, with their files
};

/// `config`: in the place of its own.
inline StoredModel stored_model(const std::filesystem::path& folder,
                                const std::filesystem::path& config_file) {
  NamedTensors all;
  std::vector<SafetensorsFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    files.push_back(SafetensorsFile::open(entry.path()));
    for (NamedTensor& tensor : files.back().tensors().tensors) {
      all.tensors.push_back(std::move(tensor));
    }
  }
  all.storage = std::make_shared<std::vector<SafetensorsFile>>(std::move(files));
  HuggingFaceConfig config = HuggingFaceConfig::open(config_file);
  leave_further_blocks_out("layers.", config.block_count, config.further_blocks, all);
  split_fused_experts(config, all);
  return {config.architecture, std::move(all)};
}

inline StoredModel stored_model(const std::filesystem::path& folder) {
  return stored_model(folder, folder / "config.json");
}

}  // namespace azimuth::testing
