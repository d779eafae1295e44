#include "hugging_face/adapter_tensors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
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

using Part = const NamedTensor* AdaptedModule::*;

constexpr std::array<std::pair<std::string_view, Part>, 6> kParts = {{
    {".lora_A", &AdaptedModule::a},
    {".lora_B", &AdaptedModule::b},
    {".lora_embedding_A", &AdaptedModule::embedding_a},
    {".lora_embedding_B", &AdaptedModule::embedding_b},
    {".lora_magnitude_vector", &AdaptedModule::magnitude},
    {".token_adapter.trainable_tokens_delta", &AdaptedModule::rows},
}};

bool take_off(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

// Takes the name of a part off that of its module. Null: of what the part was before, which counts
// for nothing. Nothing: it is no part that is known.
std::optional<Part> take_part(std::string_view& name) {
  const bool is_weight = take_off(name, ".weight");
  const bool is_bias = !is_weight && take_off(name, ".bias");
  // The adapter's name, left in by trainers that save a state dict as it is.
  take_off(name, ".default");
  const auto part =
      std::ranges::find_if(kParts, [&](const auto& p) { return take_off(name, p.first); });
  if (part != kParts.end()) return part->second;
  if (!is_weight && !is_bias) return std::nullopt;
  // Of a vocabulary that has grown PEFT saves all: the weight as it is now, twice, and as it was.
  if (take_off(name, ".original_module")) return nullptr;
  const bool saved = take_off(name, ".modules_to_save");
  if (!saved && take_off(name, ".base_layer")) take_off(name, ".token_adapter");
  if (is_bias) return &AdaptedModule::bias;
  return saved ? &AdaptedModule::saved : &AdaptedModule::whole;
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

AdaptedModules adapted_modules(const std::filesystem::path& file, const NamedTensors& tensors) {
  AdaptedModules adapted;
  for (const NamedTensor& tensor : tensors.tensors) {
    std::string_view name = tensor.name;
    if (name.starts_with(kModelPrefix)) name.remove_prefix(kModelPrefix.size());
    const std::optional<Part> part = take_part(name);
    if (plays_no_part(name)) {
      adapted.left_out.emplace(name);
      continue;
    }
    if (!part) {
      throw FileError(
          file, "tensor " + tensor.name,
          "is neither a factor nor the magnitude of a weight nor rows of it, nor a weight or bias "
          "saved whole, which alone are supported");
    }
    if (*part == nullptr) continue;
    const NamedTensor*& place = adapted.modules[std::string(name)].*(*part);
    if (place != nullptr) {
      throw FileError(file, "tensor " + tensor.name, "is the same as " + place->name);
    }
    place = &tensor;
  }
  return adapted;
}

}  // namespace azimuth
