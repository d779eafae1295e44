#pragma once

#include <torch/nn.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "azimuth/architecture.h"

namespace azimuth::testing {

inline constexpr std::int64_t kVocabulary = 24;
inline constexpr std::int64_t kHidden = 16;
inline constexpr std::int64_t kHeads = 4;
inline constexpr std::int64_t kFfn = 40;
inline constexpr std::int64_t kBlocks = 2;

/// Logits, and the hidden states after the embedding and after every block.
struct Output {
  torch::Tensor logits;
  std::vector<torch::Tensor> hidden_states;
};

inline torch::Tensor causal_attention(torch::Tensor q, torch::Tensor k, torch::Tensor v) {
  const std::int64_t tokens = q.size(1);
  const std::int64_t head = q.size(2) / kHeads;
  const auto split = [&](const torch::Tensor& x) {  // {batch, heads, tokens, head}
    const std::int64_t heads = x.size(2) / head;
    return x.view({x.size(0), tokens, heads, head})
        .transpose(1, 2)
        .repeat_interleave(kHeads / heads, 1);
  };
  const torch::Tensor mask = torch::ones({tokens, tokens}, q.options()).triu(1).mul(-1e9);
  const torch::Tensor scores =
      split(q).matmul(split(k).transpose(-1, -2)) / std::sqrt(double(head));
  return (scores + mask).softmax(-1).matmul(split(v)).transpose(1, 2).reshape(q.sizes());
}

struct RmsNormImpl : torch::nn::Module {
  RmsNormImpl() { weight = register_parameter("weight", torch::rand({kHidden}) + 0.5); }
  torch::Tensor forward(const torch::Tensor& x) {
    return x * torch::rsqrt(x.square().mean(-1, true) + 1e-5) * weight;
  }
  torch::Tensor weight;
};
TORCH_MODULE(RmsNorm);

inline torch::nn::Linear linear(std::int64_t in, std::int64_t out, bool bias) {
  return torch::nn::Linear(torch::nn::LinearOptions(in, out).bias(bias));
}

/// A decoder of the LLaMA family with Hugging Face's names, grouped KV heads, no positions.
struct TinyLlamaImpl : torch::nn::Module {
  struct Block : torch::nn::Module {
    Block() {
      register_module("input_layernorm", attention_norm);
      register_module("self_attn", attention);
      attention->register_module("q_proj", q);
      attention->register_module("k_proj", k);
      attention->register_module("v_proj", v);
      attention->register_module("o_proj", o);
      register_module("post_attention_layernorm", ffn_norm);
      register_module("mlp", mlp);
      mlp->register_module("gate_proj", gate);
      mlp->register_module("up_proj", up);
      mlp->register_module("down_proj", down);
    }
    torch::Tensor forward(torch::Tensor x) {
      const torch::Tensor y = attention_norm(x);
      x = x + o(causal_attention(q(y), k(y), v(y)));
      const torch::Tensor z = ffn_norm(x);
      return x + down(torch::silu(gate(z)) * up(z));
    }
    RmsNorm attention_norm, ffn_norm;
    std::shared_ptr<torch::nn::Module> attention = std::make_shared<torch::nn::Module>();
    std::shared_ptr<torch::nn::Module> mlp = std::make_shared<torch::nn::Module>();
    torch::nn::Linear q = linear(kHidden, kHidden, false);
    torch::nn::Linear k = linear(kHidden, kHidden / 2, false);
    torch::nn::Linear v = linear(kHidden, kHidden / 2, false);
    torch::nn::Linear o = linear(kHidden, kHidden, false);
    torch::nn::Linear gate = linear(kHidden, kFfn, false);
    torch::nn::Linear up = linear(kHidden, kFfn, false);
    torch::nn::Linear down = linear(kFfn, kHidden, false);
  };

  TinyLlamaImpl() {
    auto model = register_module("model", std::make_shared<torch::nn::Module>());
    model->register_module("embed_tokens", embedding);
    auto layers = model->register_module("layers", std::make_shared<torch::nn::Module>());
    for (std::int64_t b = 0; b < kBlocks; ++b) {
      blocks.push_back(std::make_shared<Block>());
      layers->register_module(std::to_string(b), blocks.back());
    }
    model->register_module("norm", norm);
    register_module("lm_head", head);
  }

  Output forward(const torch::Tensor& ids) {
    Output out;
    out.hidden_states.push_back(embedding(ids));
    for (auto& block : blocks) {
      out.hidden_states.push_back(block->forward(out.hidden_states.back()));
    }
    out.logits = head(norm(out.hidden_states.back()));
    return out;
  }

  static Architecture architecture() {
    return Architecture::llama(
        {.heads = kHeads, .kv_heads = kHeads / 2, .special_token_ids = {0, 1}});
  }

  torch::nn::Embedding embedding{kVocabulary, kHidden};
  std::vector<std::shared_ptr<Block>> blocks;
  RmsNorm norm;
  torch::nn::Linear head = linear(kHidden, kVocabulary, false);
};
TORCH_MODULE(TinyLlama);

/// A matrix as GPT-2 keeps it: {inputs, outputs} if `transposed` (Hugging Face's Conv1D), else
/// {outputs, inputs} (nanoGPT's nn.Linear).
struct Gpt2LinearImpl : torch::nn::Module {
  Gpt2LinearImpl(std::int64_t in, std::int64_t out, bool transposed) : transposed(transposed) {
    const torch::Tensor values = torch::randn({out, in}) / std::sqrt(double(in));
    weight = register_parameter("weight", transposed ? values.t().contiguous() : values);
    bias = register_parameter("bias", torch::randn({out}) * 0.1);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return x.matmul(transposed ? weight : weight.t()) + bias;
  }
  bool transposed;
  torch::Tensor weight, bias;
};
TORCH_MODULE(Gpt2Linear);

/// GPT-2 with the head tied to the embedding: Hugging Face's with `conv1d`, else nanoGPT.
struct TinyGpt2Impl : torch::nn::Module {
  struct Block : torch::nn::Module {
    explicit Block(bool conv1d)
        : qkv(kHidden, 3 * kHidden, conv1d),
          output(kHidden, kHidden, conv1d),
          up(kHidden, kFfn, conv1d),
          down(kFfn, kHidden, conv1d) {
      auto attention = std::make_shared<torch::nn::Module>();
      auto mlp = std::make_shared<torch::nn::Module>();
      register_module("ln_1", attention_norm);
      register_module("attn", attention);
      attention->register_module("c_attn", qkv);
      attention->register_module("c_proj", output);
      register_module("ln_2", ffn_norm);
      register_module("mlp", mlp);
      mlp->register_module("c_fc", up);
      mlp->register_module("c_proj", down);
    }
    torch::Tensor forward(torch::Tensor x) {
      const auto parts = qkv(attention_norm(x)).chunk(3, -1);
      x = x + output(causal_attention(parts[0], parts[1], parts[2]));
      return x + down(torch::gelu(up(ffn_norm(x)), "tanh"));
    }
    torch::nn::LayerNorm attention_norm{torch::nn::LayerNormOptions({kHidden})};
    torch::nn::LayerNorm ffn_norm{torch::nn::LayerNormOptions({kHidden})};
    Gpt2Linear qkv, output, up, down;
  };

  explicit TinyGpt2Impl(bool conv1d) {
    auto transformer = register_module("transformer", std::make_shared<torch::nn::Module>());
    transformer->register_module("wte", embedding);
    transformer->register_module("wpe", positions);
    auto layers = transformer->register_module("h", std::make_shared<torch::nn::Module>());
    for (std::int64_t b = 0; b < kBlocks; ++b) {
      blocks.push_back(std::make_shared<Block>(conv1d));
      layers->register_module(std::to_string(b), blocks.back());
    }
    transformer->register_module("ln_f", norm);
    register_module("lm_head", std::make_shared<torch::nn::Module>())
        ->register_parameter("weight", embedding->weight);
  }

  Output forward(const torch::Tensor& ids) {
    Output out;
    out.hidden_states.push_back(embedding(ids) + positions(torch::arange(ids.size(1))));
    for (auto& block : blocks) {
      out.hidden_states.push_back(block->forward(out.hidden_states.back()));
    }
    out.logits = norm(out.hidden_states.back()).matmul(embedding->weight.t());
    return out;
  }

  static Architecture architecture() {
    return Architecture::gpt2({.heads = kHeads, .special_token_ids = {0}});
  }

  torch::nn::Embedding embedding{kVocabulary, kHidden};
  torch::nn::Embedding positions{8, kHidden};
  std::vector<std::shared_ptr<Block>> blocks;
  torch::nn::LayerNorm norm{torch::nn::LayerNormOptions({kHidden})};
};
TORCH_MODULE(TinyGpt2);

}  // namespace azimuth::testing
