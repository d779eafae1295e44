#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "azimuth/tensor_view.h"

namespace azimuth {

/// What an adapter of PEFT has of one module. Refers to the tensors; null: it has no such thing.
struct AdaptedModule {
  const NamedTensor* a = nullptr;            ///< `lora_A`, rank × inputs
  const NamedTensor* b = nullptr;            ///< `lora_B`, outputs × rank
  const NamedTensor* embedding_a = nullptr;  ///< `lora_embedding_A`, rank × vocabulary
  const NamedTensor* embedding_b = nullptr;  ///< `lora_embedding_B`, hidden size × rank
  const NamedTensor* magnitude = nullptr;    ///< `lora_magnitude_vector`, outputs
  const NamedTensor* rows = nullptr;         ///< `trainable_tokens_delta`, tokens × hidden size
  const NamedTensor* whole = nullptr;        ///< the weight itself, saved whole
  const NamedTensor* saved = nullptr;        ///< the same once more, as `modules_to_save`
  const NamedTensor* bias = nullptr;         ///< the bias itself, saved whole
};

struct AdaptedModules {
  /// By the name of the module in the base, "model.layers.0.self_attn.v_proj".
  std::map<std::string, AdaptedModule> modules;
  /// Those that play no part in the hidden states of text: towers for pictures and sound, and what
  /// scores a text.
  std::set<std::string> left_out;
};

/// Throws FileError for a tensor that is nothing of the above.
AdaptedModules adapted_modules(const std::filesystem::path& file, const NamedTensors& tensors);

}  // namespace azimuth
