#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace azimuth {

enum class Activation { silu, gelu, gelu_tanh, relu };
enum class NormKind { rms, layer };

/// What the weights of a model cannot say about how they are used. Sizes are read from the weights.
/// Source: each family's reference implementation in Hugging Face Transformers.
struct Architecture {
  std::string name;  ///< "llama", "gpt2": also decides which parameter names are recognised
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  Activation activation = Activation::silu;
  NormKind norm = NormKind::rms;
  double norm_epsilon = 1e-5;
  bool gated_ffn = true;
  bool learned_positions = false;  ///< row 0 of the position embedding is added to the input
  /// BOS, EOS and every other id that the model's configuration names. Part of every probe.
  std::vector<std::int64_t> special_token_ids;

  struct Llama {
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;  ///< 0: as many as heads
    double norm_epsilon = 1e-5;
    std::vector<std::int64_t> special_token_ids = {};
  };
  struct Gpt2 {
    std::int64_t heads = 0;
    double norm_epsilon = 1e-5;
    std::vector<std::int64_t> special_token_ids = {};
  };

  /// LLaMA, Mistral, SmolLM2: RMS norm, gated SiLU, grouped KV heads, no biases.
  static Architecture llama(Llama options);
  /// GPT-2, nanoGPT: layer norm, tanh GELU, learned positions, biases.
  static Architecture gpt2(Gpt2 options);
};

}  // namespace azimuth
