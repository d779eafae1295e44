#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/model_weights.h"
#include "azimuth/products.h"

// torch/nn/module.h costs every file that includes it many seconds.
namespace torch::nn {
class Module;
}

namespace azimuth {

class DecoderModule;

/// A model that runs: logits of sequences, from any weights whose architecture says what sequences
/// need (`Architecture::sequences`). Copies of a decoder share its parameters.
///
///     const Decoder decoder(open_model("SmolLM2-135M"), at::kCPU, at::kFloat);
///     const at::Tensor logits = decoder.forward(ids);
class Decoder {
 public:
  /// Why these weights cannot be run, in words; empty: they can.
  static std::string why_not(const ModelWeights& weights);

  /// Those that can be run, by the name of their architecture, sorted; of some of them not every
  /// setting.
  static std::span<const std::string_view> families();

  /// Reads every weight once, a piece at a time, into parameters of `type` on `device`: float32 or
  /// bfloat16 (float64, to check others by). `weights` are not needed afterwards. Throws
  /// std::invalid_argument: `why_not`, a tensor that is missing or does not fit, another type.
  Decoder(const ModelWeights& weights, at::Device device, at::ScalarType type);

  /// Is given the residual stream, {batch, tokens, hidden_size}: as block 1 reads it (`block` 0,
  /// `mixer` 0), then behind each mixer of each block, both counted from 1.
  using Tap = std::function<void(std::int64_t block, std::size_t mixer, const at::Tensor& states)>;

  /// Logits, {batch, tokens, vocab_size} of the decoder's type, of `ids`: {batch, tokens}, of
  /// int64, on any device. All sequences begin at position 0. Throws std::invalid_argument: another
  /// shape or type, more tokens than there are learned positions; and std::out_of_range for an id
  /// beyond the vocabulary, where ids lie in host memory. Products are those of the process's
  /// LibTorch, in its threads, or what `products` makes of them; gradients are recorded unless the
  /// caller says otherwise.
  at::Tensor forward(const at::Tensor& ids, const Tap& tap = {},
                     Products* products = nullptr) const;

  /// The same logits from further on: `states` are what a tap was shown behind the last mixer of
  /// `block`, or as block 1 reads them (0). What lies before need not be computed again. Throws
  /// std::invalid_argument: no such block, another shape.
  at::Tensor continued(std::int64_t block, const at::Tensor& states,
                       Products* products = nullptr) const;

  /// All that `products` are made of, block by block, the head (block 0) first. Tensors are shared.
  std::vector<LinearParameters> linear_maps() const;

  /// Its parameters, to be trained, moved or saved: "token_embedding", "blocks.0.query_weight",
  /// "blocks.0.experts.3.down_weight", by the names of their roles. What a checkpoint keeps fused,
  /// transposed, shifted by an offset or to be multiplied with a constant is as it is used, and
  /// `architecture` says so (but of xIELU, whose numbers stay as they are):
  ///
  ///     monitor.attach(decoder.module(), decoder.architecture(), decoder.role_names());
  std::shared_ptr<torch::nn::Module> module() const;
  const Architecture& architecture() const;
  const RoleNames& role_names() const;

  std::int64_t vocab_size() const;

 private:
  std::shared_ptr<DecoderModule> module_;
};

}  // namespace azimuth
