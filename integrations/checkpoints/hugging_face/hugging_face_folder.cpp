#include "azimuth/hugging_face_folder.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "azimuth/pytorch_file.h"
#include "azimuth/safetensors_file.h"
#include "files/strict_json.h"
#include "hugging_face/configured_model.h"

namespace azimuth {
namespace {

constexpr const char* kConfig = "config.json";
// The weights in one file, and the index of several.
struct Layout {
  const char* file;
  const char* index;
};
constexpr Layout kSafetensors = {"model.safetensors", "model.safetensors.index.json"};
constexpr Layout kPyTorch = {"pytorch_model.bin", "pytorch_model.bin.index.json"};
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
  // Tools that sign or copy a model pass over such files.
  if (shard.starts_with('.')) {
    throw FileError(index, "tensor " + tensor, "its file '" + shard + "' is hidden");
  }
}

// The names of the tensors in each shard.
std::map<std::string, std::set<std::string>> read_index(const std::filesystem::path& index) {
  const nlohmann::json json =
      parse_json_file<nlohmann::json>(index, kMaxIndexBytes, kMaxIndexValues);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (map == json.end()) throw FileError(index, "key weight_map", "is missing");
  if (!map->is_object()) throw FileError(index, "key weight_map", "is not an object");
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string()) throw FileError(index, "tensor " + tensor, "its file is not a string");
    const auto& name = shard.get_ref<const std::string&>();
    check_shard_name(index, tensor, name);
    shards[name].insert(tensor);
  }
  return shards;
}

template <class File>
NamedTensors read_shards(const std::filesystem::path& index) {
  NamedTensors all;
  std::set<const std::byte*> counted;  // tied tensors of a shard are one
  auto storage = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  for (const auto& [shard, names] : read_index(index)) {
    const File file = File::open(index.parent_path() / shard);
    for (const std::string& name : names) {
      if (!file.has(name)) {
        throw FileError(
            file.path(), "tensor " + name,
            "is missing, though " + index.filename().string() + " says that it is here");
      }
    }
    NamedTensors tensors = file.tensors();
    for (NamedTensor& tensor : tensors.tensors) {
      if (!names.contains(tensor.name)) continue;
      if (counted.insert(tensor.view.data).second) all.parameter_count += tensor.view.size();
      all.tensors.push_back(std::move(tensor));
    }
    for (UnreadableTensor& tensor : tensors.unreadable) {
      if (names.contains(tensor.name)) all.unreadable.push_back(std::move(tensor));
    }
    storage->push_back(std::move(tensors.storage));
  }
  all.storage = std::move(storage);
  return all;
}

// Nothing where neither is there.
template <class File>
std::optional<NamedTensors> read_layout(const std::filesystem::path& folder, const Layout& layout) {
  if (is_there(folder / layout.file)) return File::open(folder / layout.file).tensors();
  if (is_there(folder / layout.index)) return read_shards<File>(folder / layout.index);
  return {};
}

std::string names_of_weights() {
  return std::string(kSafetensors.file) + ", " + kSafetensors.index + ", " + kPyTorch.file +
         " and " + kPyTorch.index;
}

// In the order of Transformers.
NamedTensors read_tensors(const std::filesystem::path& folder) {
  if (auto tensors = read_layout<SafetensorsFile>(folder, kSafetensors)) return *std::move(tensors);
  if (auto tensors = read_layout<PyTorchFile>(folder, kPyTorch)) return *std::move(tensors);
  throw FileError(folder, "weights", "the folder has none of " + names_of_weights());
}

// Of what is there in several forms, the first was read.
void note_second_checkpoints(const std::filesystem::path& folder, ModelWeights& weights) {
  std::string read;
  for (const Layout& layout : {kSafetensors, kPyTorch}) {
    for (const char* name : {layout.file, layout.index}) {
      if (!is_there(folder / name)) continue;
      if (read.empty()) {
        read = name;
      } else {
        weights.add_warning(std::string(name) + " is not used, since " + read + " is there");
      }
    }
  }
}

}  // namespace

ModelWeights load_hugging_face(const std::filesystem::path& folder,
                               const std::filesystem::path& other_config, const RoleNames& names) {
  const std::filesystem::path config = other_config.empty() ? folder / kConfig : other_config;
  if (other_config.empty() && !is_there(config)) {
    throw FileError(folder, kConfig,
                    "is missing: a Hugging Face folder holds it, and one of " + names_of_weights());
  }
  ModelWeights weights =
      load_configured_model(folder, config, names, [&] { return read_tensors(folder); });
  note_second_checkpoints(folder, weights);
  return weights;
}

}  // namespace azimuth
