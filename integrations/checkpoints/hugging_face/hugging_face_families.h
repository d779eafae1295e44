#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "azimuth/hugging_face_config.h"
#include "hugging_face/config_fields.h"

namespace azimuth {

/// Far more than any model has.
inline constexpr std::int64_t kMaxHeads = 65'536;
inline constexpr std::int64_t kMaxBlocks = 100'000;

/// One `model_type`, with the defaults of its configuration class in Transformers.
struct HuggingFaceFamily {
  std::string_view model_type;
  std::int64_t hidden_size;
  std::int64_t block_count;
  std::int64_t vocab_size;
  std::int64_t heads;
  std::int64_t bos;  ///< -1: none
  /// Everything else: called with the sizes, `heads` and `kv_heads` (as many) set.
  void (*read)(const ConfigFields& fields, HuggingFaceConfig& config);
  /// Of every model of the family that is published as Transformers has it, and of every adapter.
  QkvLayout qkv_layout = QkvLayout::by_kind;
  /// That of Azimuth's tables; empty: `model_type`.
  std::string_view architecture = {};
};

/// A `model_type` that sees or hears too, and whose text part is one of the families.
struct MultimodalModel {
  std::string_view model_type;
  std::string_view text;  ///< the `model_type` of its text part, where the file does not say
  bool any_text = false;  ///< the text part may be of any family
  bool flat = false;      ///< older files hold the text part's fields beside the others
};

// The families by kind, a file each.
std::span<const HuggingFaceFamily> dense_families();
std::span<const HuggingFaceFamily> gemma_families();
std::span<const HuggingFaceFamily> hybrid_families();
std::span<const HuggingFaceFamily> mixture_families();

/// All of them, sorted by `model_type`; those that are multimodal are not among them.
std::span<const HuggingFaceFamily> hugging_face_families();

/// Nothing for a model type that is not known.
std::optional<QkvLayout> published_qkv_layout(std::string_view model_type);

/// Sorted by `model_type`.
std::span<const MultimodalModel> multimodal_models();

}  // namespace azimuth
