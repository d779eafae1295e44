#pragma once

#include <torch/nn/module.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "azimuth/decoder.h"
#include "azimuth/sequence_weights.h"
#include "parameters.h"

namespace azimuth {

class AtenOperations;

class DecoderModule : public torch::nn::Module {
 public:
  /// Of weights of which Decoder::why_not says nothing.
  DecoderModule(const ModelWeights& weights, at::Device device, at::ScalarType type);

  at::Tensor forward(const at::Tensor& ids, const Decoder::Tap& tap, Products* products) const;
  at::Tensor continued(std::int64_t block, const at::Tensor& states, Products* products) const;
  std::vector<LinearParameters> linear_maps() const;
  const Architecture& architecture() const { return architecture_; }
  const RoleNames& role_names() const { return names_; }
  std::int64_t vocab_size() const { return embedding_.size(0); }

 private:
  class Builder;

  at::Tensor embedded(const at::Tensor& ids, AtenOperations& ops) const;
  // Through the blocks from `first` on (from 0) and the head.
  at::Tensor logits(at::Tensor states, std::size_t first, const Decoder::Tap& tap,
                    AtenOperations& ops) const;

  Architecture architecture_;
  RoleNames names_;
  SequenceWeights weights_;  // its projections and vectors are what `parameters_` is known by
  at::Tensor embedding_;
  at::Tensor positions_;  // undefined: none
  Parameters parameters_;
};

}  // namespace azimuth
