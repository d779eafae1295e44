#include "hugging_face/hugging_face_families.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace azimuth {
namespace {

constexpr MultimodalModel kMultimodal[] = {
    {"gemma3", "gemma3_text"},
    {"gemma3n", "gemma3n_text"},
    {"gemma4", "gemma4_text"},
    {"llama4", "llama4_text"},
    {"llava", "llama", true},
    {"llava_next", "llama", true},
    {"mistral3", "mistral", true},
    {"qwen2_5_vl", "qwen2_5_vl_text", false, true},
    {"qwen2_vl", "qwen2_vl_text", false, true},
    {"qwen3_5", "qwen3_5_text"},
    {"qwen3_5_moe", "qwen3_5_moe_text"},
    {"qwen3_vl", "qwen3_vl_text"},
    {"qwen3_vl_moe", "qwen3_vl_moe_text"},
};

}  // namespace

std::span<const MultimodalModel> multimodal_models() { return kMultimodal; }

std::span<const HuggingFaceFamily> hugging_face_families() {
  static const std::vector<HuggingFaceFamily> families = [] {
    std::vector<HuggingFaceFamily> all;
    for (const auto some :
         {dense_families(), gemma_families(), hybrid_families(), mixture_families()}) {
      std::ranges::copy(some, std::back_inserter(all));
    }
    std::ranges::sort(all, {}, &HuggingFaceFamily::model_type);
    return all;
  }();
  return families;
}

std::optional<QkvLayout> published_qkv_layout(std::string_view model_type) {
  const auto families = hugging_face_families();
  const auto found = std::ranges::find(families, model_type, &HuggingFaceFamily::model_type);
  if (found == families.end()) return std::nullopt;
  return found->qkv_layout;
}

}  // namespace azimuth
