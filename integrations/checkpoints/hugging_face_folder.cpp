#include "azimuth/hugging_face_folder.h"

#include <map>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "core_errors.h"
#include "strict_json.h"

namespace azimuth {
namespace {

using Json = nlohmann::json;

constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr std::size_t kMaxIndexBytes = 32 << 20;
constexpr std::size_t kMaxIndexValues = 1'000'000;

// One that cannot be examined is there: opening it says why it cannot be read.
bool is_there(const std::filesystem::path& file) {
  std::error_code error;
  return std::filesystem::exists(file, error) || error;
}

void check_shard_name(const std::filesystem::path& index, const std::string& tensor,
                      const std::string& shard) {
  // A null byte would end the name for the system, not for us.
  constexpr std::string_view kForbidden("/\\\0", 3);
  if (shard.empty() || shard == "." || shard == ".." ||
      shard.find_first_of(kForbidden) != std::string::npos) {
    throw FileError(index, "tensor " + tensor,
                    "its file '" + shard + "' is not the name of a file in this folder");
  }
}

// The names of the tensors in each shard.
std::map<std::string, std::set<std::string>> read_index(const std::filesystem::path& index) {
  const Json json = parse_json_file<Json>(index, kMaxIndexBytes, kMaxIndexValues);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (map == json.end()) throw FileError(index, "key weight_map", "is missing");
  if (!map->is_object()) throw FileError(index, "key weight_map", "is no object");
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string()) throw FileError(index, "tensor " + tensor, "its file is no string");
    const auto& name = shard.get_ref<const std::string&>();
    check_shard_name(index, tensor, name);
    shards[name].insert(tensor);
  }
  return shards;
}

NamedTensors read_shards(const std::filesystem::path& folder) {
  NamedTensors all;
  auto storage = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  for (const auto& [shard, names] : read_index(folder / kIndex)) {
    const SafetensorsFile file = SafetensorsFile::open(folder / shard);
    for (const std::string& name : names) {
      if (!file.has(name)) {
        throw FileError(file.path(), "tensor " + name,
                        std::string("is missing, though ") + kIndex + " says that it is here");
      }
    }
    NamedTensors tensors = file.tensors();
    for (NamedTensor& tensor : tensors.tensors) {
      if (!names.contains(tensor.name)) continue;
      all.parameter_count += tensor.view.size();
      all.tensors.push_back(std::move(tensor));
    }
    storage->push_back(std::move(tensors.storage));
  }
  all.storage = std::move(storage);
  return all;
}

NamedTensors read_tensors(const std::filesystem::path& folder) {
  if (is_there(folder / kWeights)) return SafetensorsFile::open(folder / kWeights).tensors();
  if (is_there(folder / kIndex)) return read_shards(folder);
  throw FileError(folder, "weights",
                  std::string("neither ") + kWeights + " nor " + kIndex + " is there");
}

void check_size(const std::filesystem::path& file, const char* key, std::int64_t said,
                std::int64_t found) {
  if (said == found) return;
  throw FileError(file, std::string("key ") + key,
                  "is " + std::to_string(said) + ", but the weights have " + std::to_string(found));
}

}  // namespace

ModelWeights load_hugging_face(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kConfig;
  if (!is_there(file)) {
    throw FileError(folder, kConfig,
                    std::string("is missing: a Hugging Face folder holds it, and ") + kWeights +
                        " or " + kIndex + " with its shards");
  }
  HuggingFaceConfig config = HuggingFaceConfig::open(file);
  ModelWeights weights = with_file_errors(folder, [&] {
    return ModelWeights::from_tensors(std::move(config.architecture), read_tensors(folder));
  });
  check_size(file, "hidden_size", config.hidden_size, weights.hidden_size());
  check_size(file, "num_hidden_layers", config.block_count,
             static_cast<std::int64_t>(weights.blocks().size()));
  check_size(file, "vocab_size", config.vocab_size, weights.vocab_size());
  return weights;
}

}  // namespace azimuth
