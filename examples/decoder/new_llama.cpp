#include "new_llama.h"

#include <torch/types.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace azimuth::examples {

namespace {

using torch::Tensor;

// As torch::nn::Linear begins.
Tensor linear(std::int64_t outputs, std::int64_t inputs) {
  const double bound = 1 / std::sqrt(static_cast<double>(inputs));
  return torch::empty({outputs, inputs}).uniform_(-bound, bound);
}

/// Tensors by the names of their roles, "blocks.0.query_weight".
class Weights {
 public:
  void add(Role role, const Tensor& values) { add("", "", role, values); }
  void add(std::int64_t block, Role role, const Tensor& values) {
    add("blocks.{}.", "blocks." + std::to_string(block) + ".", role, values);
  }

  ModelWeights take(Architecture architecture) {
    tensors_.storage = std::make_shared<std::vector<Tensor>>(std::move(kept_));
    return ModelWeights::from_tensors(std::move(architecture), std::move(tensors_), names_);
  }

 private:
  void add(const std::string& pattern, const std::string& place, Role role, const Tensor& values) {
    const std::string name(name_of(role));
    names_.patterns[role] = pattern + name;
    kept_.push_back(values);
    NamedTensor& tensor = tensors_.tensors.emplace_back();
    tensor.name = place + name;
    tensor.view = {StoredType::f32, values.sizes().vec(),
                   static_cast<const std::byte*>(values.data_ptr())};
    tensors_.parameter_count += values.numel();
  }

  std::vector<Tensor> kept_;
  NamedTensors tensors_;
  RoleNames names_;
};

Architecture architecture_of(const LlamaSizes& sizes) {
  Architecture a = Architecture::llama({.heads = sizes.heads,
                                        .kv_heads = sizes.kv_heads,
                                        .special_token_ids = sizes.special_token_ids});
  a.sequences.unknown = "";
  a.sequences.attention = {{.rotary = Rotary{}}};
  a.sequences.tied_head = sizes.tied_head;
  return a;
}

}  // namespace

Decoder new_llama(const LlamaSizes& sizes) {
  using enum Role;
  const std::int64_t d = sizes.hidden, kv = d / sizes.heads * sizes.kv_heads;
  Weights weights;
  weights.add(token_embedding, torch::randn({sizes.vocab, d}));
  for (std::int64_t block = 0; block < sizes.blocks; ++block) {
    weights.add(block, attention_norm_weight, torch::ones({d}));
    weights.add(block, query_weight, linear(d, d));
    weights.add(block, key_weight, linear(kv, d));
    weights.add(block, value_weight, linear(kv, d));
    weights.add(block, output_weight, linear(d, d));
    weights.add(block, ffn_norm_weight, torch::ones({d}));
    weights.add(block, gate_weight, linear(sizes.ffn, d));
    weights.add(block, up_weight, linear(sizes.ffn, d));
    weights.add(block, down_weight, linear(d, sizes.ffn));
  }
  weights.add(final_norm_weight, torch::ones({d}));
  if (!sizes.tied_head) weights.add(head_weight, linear(sizes.vocab, d));
  return {weights.take(architecture_of(sizes)), at::kCPU, at::kFloat};
}

}  // namespace azimuth::examples
