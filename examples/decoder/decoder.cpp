#include "decoder.h"

#include <torch/nn/functional.h>
#include <torch/types.h>

#include <cmath>
#include <string>
#include <utility>

namespace azimuth::examples {

using torch::Tensor;

namespace {

torch::nn::Linear linear(std::int64_t inputs, std::int64_t outputs) {
  return torch::nn::Linear(torch::nn::LinearOptions(inputs, outputs).bias(false));
}

/// As Hugging Face lays heads out: coordinate i turns together with i + head size / 2.
Rotation rotation_of(const DecoderConfig& config, std::int64_t tokens) {
  const std::int64_t head_size = config.hidden / config.heads;
  const Tensor exponents = torch::arange(0, head_size, 2, torch::kFloat32) / head_size;
  const Tensor angles = torch::outer(torch::arange(tokens, torch::kFloat32),
                                     torch::pow(config.rope_theta, exponents).reciprocal());
  const Tensor both_halves = torch::cat({angles, angles}, 1);
  return {both_halves.cos(), both_halves.sin()};
}

Tensor rotate(const Tensor& x, const Rotation& rotation) {
  const auto halves = x.chunk(2, -1);
  return x * rotation.cosine + torch::cat({-halves[1], halves[0]}, -1) * rotation.sine;
}

}  // namespace

RmsNormImpl::RmsNormImpl(std::int64_t size, double epsilon)
    : epsilon_(epsilon), weight_(register_parameter("weight", torch::ones({size}))) {}

Tensor RmsNormImpl::forward(const Tensor& x) {
  return at::rms_norm(x, weight_.sizes(), weight_, epsilon_);
}

AttentionImpl::AttentionImpl(const DecoderConfig& config)
    : heads_(config.heads), kv_heads_(config.kv_heads), head_size_(config.hidden / config.heads) {
  query_ = register_module("q_proj", linear(config.hidden, heads_ * head_size_));
  key_ = register_module("k_proj", linear(config.hidden, kv_heads_ * head_size_));
  value_ = register_module("v_proj", linear(config.hidden, kv_heads_ * head_size_));
  output_ = register_module("o_proj", linear(heads_ * head_size_, config.hidden));
}

Tensor AttentionImpl::forward(const Tensor& x, const Rotation& rotation) {
  const std::int64_t batch = x.size(0), tokens = x.size(1);
  const auto by_head = [&](const Tensor& y, std::int64_t heads) {
    return y.view({batch, tokens, heads, head_size_}).transpose(1, 2);
  };
  const Tensor query = rotate(by_head(query_(x), heads_), rotation);
  const Tensor key = rotate(by_head(key_(x), kv_heads_), rotation);
  const Tensor value = by_head(value_(x), kv_heads_);
  const std::int64_t repeats = heads_ / kv_heads_;
  const Tensor mixed = at::scaled_dot_product_attention(
      query, key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1), {}, 0.0,
      /*is_causal=*/true);
  return output_(mixed.transpose(1, 2).reshape({batch, tokens, heads_ * head_size_}));
}

GatedFfnImpl::GatedFfnImpl(const DecoderConfig& config) {
  gate_ = register_module("gate_proj", linear(config.hidden, config.ffn));
  up_ = register_module("up_proj", linear(config.hidden, config.ffn));
  down_ = register_module("down_proj", linear(config.ffn, config.hidden));
}

Tensor GatedFfnImpl::forward(const Tensor& x) { return down_(torch::silu(gate_(x)) * up_(x)); }

BlockImpl::BlockImpl(const DecoderConfig& config) {
  attention_norm_ = register_module("input_layernorm", RmsNorm(config.hidden, config.norm_epsilon));
  attention_ = register_module("self_attn", Attention(config));
  ffn_norm_ =
      register_module("post_attention_layernorm", RmsNorm(config.hidden, config.norm_epsilon));
  ffn_ = register_module("mlp", GatedFfn(config));
}

Tensor BlockImpl::forward(Tensor x, const Rotation& rotation) {
  x = x + attention_(attention_norm_(x), rotation);
  return x + ffn_(ffn_norm_(x));
}

DecoderBodyImpl::DecoderBodyImpl(const DecoderConfig& config) : config_(config) {
  embedding_ = register_module("embed_tokens", torch::nn::Embedding(config.vocab, config.hidden));
  register_module("layers", blocks_);
  for (std::int64_t block = 0; block < config.blocks; ++block) blocks_->push_back(Block(config));
  norm_ = register_module("norm", RmsNorm(config.hidden, config.norm_epsilon));
}

Tensor DecoderBodyImpl::forward(const Tensor& ids, std::vector<Tensor>* hidden_states) {
  const Rotation rotation = rotation_of(config_, ids.size(1));
  Tensor x = embedding_(ids);
  if (hidden_states) hidden_states->push_back(x);
  for (const auto& block : *blocks_) {
    x = block->as<Block>()->forward(x, rotation);
    if (hidden_states) hidden_states->push_back(x);
  }
  return norm_(x);
}

DecoderImpl::DecoderImpl(const DecoderConfig& config) : config_(config) {
  body_ = register_module("model", DecoderBody(config));
  if (!config.tied_head) head_ = register_module("lm_head", linear(config.hidden, config.vocab));
}

Tensor DecoderImpl::forward(const Tensor& ids, std::vector<Tensor>* hidden_states) {
  const Tensor x = body_(ids, hidden_states);
  return torch::nn::functional::linear(x, head_ ? head_->weight : body_->embedding());
}

}  // namespace azimuth::examples
