#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <vector>

#include "decoder_config.h"

namespace azimuth::examples {

class RmsNormImpl : public torch::nn::Module {
 public:
  RmsNormImpl(std::int64_t size, double epsilon);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  double epsilon_;
  torch::Tensor weight_;
};
TORCH_MODULE(RmsNorm);

/// Cosines and sines of the rotary position encoding, {tokens, head size} each.
struct Rotation {
  torch::Tensor cosine;
  torch::Tensor sine;
};

class AttentionImpl : public torch::nn::Module {
 public:
  explicit AttentionImpl(const DecoderConfig& config);
  torch::Tensor forward(const torch::Tensor& x, const Rotation& rotation);

 private:
  std::int64_t heads_, kv_heads_, head_size_;
  torch::nn::Linear query_ = nullptr, key_ = nullptr, value_ = nullptr, output_ = nullptr;
};
TORCH_MODULE(Attention);

class GatedFfnImpl : public torch::nn::Module {
 public:
  explicit GatedFfnImpl(const DecoderConfig& config);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Linear gate_ = nullptr, up_ = nullptr, down_ = nullptr;
};
TORCH_MODULE(GatedFfn);

class BlockImpl : public torch::nn::Module {
 public:
  explicit BlockImpl(const DecoderConfig& config);
  torch::Tensor forward(torch::Tensor x, const Rotation& rotation);

 private:
  RmsNorm attention_norm_ = nullptr, ffn_norm_ = nullptr;
  Attention attention_ = nullptr;
  GatedFfn ffn_ = nullptr;
};
TORCH_MODULE(Block);

class DecoderBodyImpl : public torch::nn::Module {
 public:
  explicit DecoderBodyImpl(const DecoderConfig& config);
  /// `hidden_states`, if not null, receives the output of the embedding and of each block.
  torch::Tensor forward(const torch::Tensor& ids, std::vector<torch::Tensor>* hidden_states);
  torch::Tensor embedding() const { return embedding_->weight; }

 private:
  DecoderConfig config_;
  torch::nn::Embedding embedding_ = nullptr;
  torch::nn::ModuleList blocks_;
  RmsNorm norm_ = nullptr;
};
TORCH_MODULE(DecoderBody);

/// A LLaMA that can be trained: RMS norm, rotary positions, grouped KV heads, gated SiLU. Modules
/// are nested so that the parameters have the names that Hugging Face gives them
/// ("model.layers.0.self_attn.q_proj.weight"), by which Azimuth recognises them. Weights begin as
/// LibTorch draws them: embeddings from N(0, 1).
class DecoderImpl : public torch::nn::Module {
 public:
  explicit DecoderImpl(const DecoderConfig& config);

  /// Logits, {batch, tokens, vocab}, of `ids`, {batch, tokens}. `hidden_states`, if not null,
  /// receives blocks + 1 tensors of {batch, tokens, hidden}: after the embedding, after each block.
  torch::Tensor forward(const torch::Tensor& ids,
                        std::vector<torch::Tensor>* hidden_states = nullptr);
  const DecoderConfig& config() const { return config_; }

 private:
  DecoderConfig config_;
  DecoderBody body_ = nullptr;
  torch::nn::Linear head_ = nullptr;  ///< none where the head is tied
};
TORCH_MODULE(Decoder);

}  // namespace azimuth::examples
