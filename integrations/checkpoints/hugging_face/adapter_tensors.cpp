#include "hugging_face/adapter_tensors.h"

#include <algorithm>
#include <array>
#include <utility>

#include "azimuth/file_error.h"

namespace azimuth {
namespace {

constexpr std::string_view kModelPrefix = "base_model.model.";

// Of models that read more than text, the names in Transformers.
constexpr std::array<std::string_view, 6> kOtherSenses = {
    "vision_tower", "vision_model",          "visual",
    "audio_tower",  "multi_modal_projector", "mm_projector"};
// What stands in the head's place in Transformers' and TRL's models for classification and reward.
constexpr std::array<std::string_view, 4> kScores = {"score", "classifier", "qa_outputs", "v_head"};

constexpr std::array<std::pair<std::string_view, const NamedTensor * AdaptedModule::*>, 5> kParts =
    {{
        {".lora_A", &AdaptedModule::a},
        {".lora_B", &AdaptedModule::b},
        {".lora_embedding_A", &AdaptedModule::embedding_a},
        {".lora_embedding_B", &AdaptedModule::embedding_b},
        {".lora_magnitude_vector", &AdaptedModule::magnitude},
    }};

bool take_off(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

bool plays_no_part(std::string_view name) {
  if (std::ranges::find(kScores, name.substr(0, name.find('.'))) != kScores.end()) return true;
  for (;;) {
    const std::size_t dot = name.find('.');
    if (std::ranges::find(kOtherSenses, name.substr(0, dot)) != kOtherSenses.end()) return true;
    if (dot == std::string_view::npos) return false;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

std::map<std::string, AdaptedModule> adapted_modules(const std::filesystem::path& file,
                                                     const NamedTensors& tensors) {
  std::map<std::string, AdaptedModule> modules;
  for (const NamedTensor& tensor : tensors.tensors) {
    std::string_view name = tensor.name;
    if (name.starts_with(kModelPrefix)) name.remove_prefix(kModelPrefix.size());
    if (plays_no_part(name) || name.ends_with("lm_head.bias")) continue;
    const auto put = [&](const NamedTensor* AdaptedModule::*part) {
      const NamedTensor*& place = modules[std::string(name)].*part;
      if (place != nullptr) {
        throw FileError(file, "tensor " + tensor.name, "is the same as " + place->name);
      }
      place = &tensor;
    };
    const bool is_weight = take_off(name, ".weight");
    // The adapter's name, left in by trainers that save a state dict as it is.
    take_off(name, ".default");
    const auto part =
        std::ranges::find_if(kParts, [&](const auto& p) { return take_off(name, p.first); });
    if (part != kParts.end()) {
      put(part->second);
      continue;
    }
    if (!is_weight) {
      throw FileError(
          file, "tensor " + tensor.name,
          "is neither a factor nor the magnitude of a weight, which alone are supported");
    }
    // Of a vocabulary that has grown PEFT saves all: the weight as it is now, twice, and as it was.
    if (take_off(name, ".original_module")) continue;
    if (take_off(name, ".modules_to_save")) {
      put(&AdaptedModule::saved);
      continue;
    }
    take_off(name, ".base_layer");
    put(&AdaptedModule::whole);
  }
  return modules;
}

}  // namespace azimuth
