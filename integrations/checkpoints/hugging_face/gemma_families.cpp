#include <cmath>

#include "hugging_face/family_fields.h"
#include "hugging_face/hugging_face_families.h"

namespace azimuth {
namespace {

using namespace family;

void read_gemma(Fields fields, Config config) {
  read_kv_heads(fields, config, 16);
  read_head_size(fields, config, 256);
  read_norm(fields, config, NormKind::rms, "rms_norm_eps", 1e-6);
  read_activation(fields, config, "hidden_act", "gelu_pytorch_tanh");
  // What was published as "gelu" was trained with the other.
  if (config.architecture.activation == Activation::gelu) {
    config.architecture.activation = Activation::gelu_tanh;
  }
  config.architecture.norm_offset = 1;
  config.architecture.embedding_multiplier = std::sqrt(static_cast<double>(config.hidden_size));
  read_ffn_size(fields, config, "intermediate_size", 24'576);
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
}

void read_gemma2(Fields fields, Config config) {
  read_kv_heads(fields, config, 4);
  read_head_size(fields, config, 256);
  read_norm(fields, config, NormKind::rms, "rms_norm_eps", 1e-6);
  read_activation(fields, config, "hidden_activation", "gelu_pytorch_tanh");
  config.architecture.norm_placement = NormPlacement::sandwich;
  config.architecture.norm_offset = 1;
  config.architecture.embedding_multiplier = std::sqrt(static_cast<double>(config.hidden_size));
  read_ffn_size(fields, config, "intermediate_size", 9'216);
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
}

constexpr HuggingFaceFamily kGemmas[] = {
    {"gemma", 3'072, 28, 256'000, 16, 2, read_gemma},
    {"gemma2", 2'304, 26, 256'000, 8, 2, read_gemma2},
    {"gemma3_text", 2'304, 26, 262'208, 8, 2, read_gemma2},
};

}  // namespace

std::span<const HuggingFaceFamily> gemma_families() { return kGemmas; }

}  // namespace azimuth
