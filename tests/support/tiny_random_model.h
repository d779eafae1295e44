#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/model_weights.h"

namespace azimuth::testing {

/// Random weights of a few hundred numbers for a family, every bias and norm weight included, of
/// three blocks. Nothing is planted in them.
class TinyRandomModel {
 public:
  static constexpr std::int64_t hidden = 20, ffn = 28, heads = 4, kv_heads = 2, head_size = 6,
                                vocab = 12, blocks = 3;
  Architecture architecture;
  float step = 0;  ///< of the grid on which all weights lie; 0: there is none

  explicit TinyRandomModel(const std::string& family) {
    architecture.name = family;
    architecture.heads = heads;
    architecture.kv_heads = kv_heads;
    architecture.head_size = head_size;
    if (family == "llama") llama();
    if (family == "gemma2") gemma2();
    if (family == "olmo2") olmo2();
    if (family == "phi") phi();
    if (family == "gpt_neox") gpt_neox();
    if (family == "gpt2") gpt2();
    if (family == "mixtral") mixtral();
  }

  ModelWeights weights() {
    NamedTensors named;
    auto storage = std::make_shared<std::vector<std::vector<float>>>();
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, 0.4f);
    for (const auto& [name, shape] : shapes_) {
      std::int64_t size = 1;
      for (const std::int64_t n : shape) size *= n;
      std::vector<float> values(static_cast<std::size_t>(size));
      for (float& value : values) {
        value = normal(random);
        if (step > 0) value = std::round(value / step) * step;
      }
      storage->push_back(std::move(values));
      NamedTensor tensor;
      tensor.name = name;
      tensor.view.shape = shape;
      tensor.view.data = reinterpret_cast<const std::byte*>(storage->back().data());
      named.tensors.push_back(std::move(tensor));
    }
    named.storage = storage;
    return ModelWeights::from_tensors(architecture, std::move(named));
  }

 private:
  using Shape = std::vector<std::int64_t>;

  void add(const std::string& name, Shape shape) { shapes_.emplace_back(name, std::move(shape)); }

  void add_to_blocks(const std::string& prefix, const std::string& name, const Shape& shape,
                     bool bias = false) {
    for (std::int64_t b = 0; b < blocks; ++b) {
      const std::string at = prefix + "." + std::to_string(b) + "." + name;
      add(at + ".weight", shape);
      if (bias) add(at + ".bias", {shape[0]});
    }
  }

  void decoder() {
    add("embed_tokens.weight", {vocab, hidden});
    add("norm.weight", {hidden});
  }

  void attention(const std::string& output, bool bias) {
    add_to_blocks("layers", "self_attn.q_proj", {heads * head_size, hidden}, bias);
    add_to_blocks("layers", "self_attn.k_proj", {kv_heads * head_size, hidden}, bias);
    add_to_blocks("layers", "self_attn.v_proj", {kv_heads * head_size, hidden}, bias);
    add_to_blocks("layers", output, {hidden, heads * head_size}, bias);
  }

  void gated_ffn(bool bias) {
    add_to_blocks("layers", "mlp.gate_proj", {ffn, hidden}, bias);
    add_to_blocks("layers", "mlp.up_proj", {ffn, hidden}, bias);
    add_to_blocks("layers", "mlp.down_proj", {hidden, ffn}, bias);
  }

  void llama() {
    decoder();
    add_to_blocks("layers", "input_layernorm", {hidden});
    add_to_blocks("layers", "post_attention_layernorm", {hidden});
    attention("self_attn.o_proj", true);
    gated_ffn(true);
  }

  void gemma2() {
    decoder();
    architecture.norm_placement = NormPlacement::sandwich;
    architecture.activation = Activation::gelu_tanh;
    architecture.norm_offset = 1;
    for (const char* norm : {"input_layernorm", "post_attention_layernorm",
                             "pre_feedforward_layernorm", "post_feedforward_layernorm"}) {
      add_to_blocks("layers", norm, {hidden});
    }
    attention("self_attn.o_proj", false);
    gated_ffn(false);
  }

  void olmo2() {
    decoder();
    architecture.norm_placement = NormPlacement::after;
    add_to_blocks("layers", "post_attention_layernorm", {hidden});
    add_to_blocks("layers", "post_feedforward_layernorm", {hidden});
    attention("self_attn.o_proj", false);
    add_to_blocks("layers", "self_attn.q_norm", {heads * head_size});
    add_to_blocks("layers", "self_attn.k_norm", {kv_heads * head_size});
    gated_ffn(false);
  }

  void layer_norm() {
    architecture.norm = NormKind::layer;
    architecture.gated_ffn = false;
  }

  // One layer norm for both halves of a parallel block.
  void phi() {
    layer_norm();
    architecture.parallel = true;
    architecture.shared_norm = true;
    architecture.activation = Activation::gelu_tanh;
    add("embed_tokens.weight", {vocab, hidden});
    add_to_blocks("layers", "input_layernorm", {hidden}, true);
    attention("self_attn.dense", true);
    add_to_blocks("layers", "mlp.fc1", {ffn, hidden}, true);
    add_to_blocks("layers", "mlp.fc2", {hidden, ffn}, true);
    add("final_layernorm.weight", {hidden});
    add("final_layernorm.bias", {hidden});
  }

  // Two layer norms in a parallel block, and queries, keys and values in one matrix, head by head.
  void gpt_neox() {
    layer_norm();
    architecture.parallel = true;
    architecture.activation = Activation::gelu;
    architecture.kv_heads = heads;
    architecture.qkv_layout = QkvLayout::by_kv_head;
    add("embed_in.weight", {vocab, hidden});
    add_to_blocks("layers", "input_layernorm", {hidden}, true);
    add_to_blocks("layers", "post_attention_layernorm", {hidden}, true);
    add_to_blocks("layers", "attention.query_key_value", {3 * heads * head_size, hidden}, true);
    add_to_blocks("layers", "attention.dense", {hidden, heads * head_size}, true);
    add_to_blocks("layers", "mlp.dense_h_to_4h", {ffn, hidden}, true);
    add_to_blocks("layers", "mlp.dense_4h_to_h", {hidden, ffn}, true);
    add("final_layer_norm.weight", {hidden});
    add("final_layer_norm.bias", {hidden});
  }

  // Matrices stored {inputs, outputs}, and heads that fill the hidden size.
  void gpt2() {
    layer_norm();
    architecture.activation = Activation::gelu_tanh;
    architecture.kv_heads = heads;
    architecture.head_size = 0;
    architecture.learned_positions = true;
    add("wte.weight", {vocab, hidden});
    add("wpe.weight", {4, hidden});
    const auto stored = [&](const std::string& name, std::int64_t inputs, std::int64_t outputs) {
      for (std::int64_t b = 0; b < blocks; ++b) {
        const std::string at = "h." + std::to_string(b) + "." + name;
        add(at + ".weight", {inputs, outputs});
        add(at + ".bias", {outputs});
      }
    };
    add_to_blocks("h", "ln_1", {hidden}, true);
    add_to_blocks("h", "ln_2", {hidden}, true);
    stored("attn.c_attn", hidden, 3 * hidden);
    stored("attn.c_proj", hidden, hidden);
    stored("mlp.c_fc", hidden, ffn);
    stored("mlp.c_proj", ffn, hidden);
    add("ln_f.weight", {hidden});
    add("ln_f.bias", {hidden});
  }

  void mixtral() {
    decoder();
    architecture.experts = 3;
    architecture.routing.experts_per_token = 2;
    add_to_blocks("layers", "input_layernorm", {hidden});
    add_to_blocks("layers", "post_attention_layernorm", {hidden});
    attention("self_attn.o_proj", false);
    add_to_blocks("layers", "block_sparse_moe.gate", {3, hidden});
    for (const char* expert : {"0", "1", "2"}) {
      const std::string at = std::string("block_sparse_moe.experts.") + expert;
      add_to_blocks("layers", at + ".w1", {ffn, hidden});
      add_to_blocks("layers", at + ".w3", {ffn, hidden});
      add_to_blocks("layers", at + ".w2", {hidden, ffn});
    }
  }

  std::vector<std::pair<std::string, Shape>> shapes_;
};

}  // namespace azimuth::testing
