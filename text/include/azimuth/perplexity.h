#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "azimuth/decoder.h"
#include "azimuth/progress.h"

namespace azimuth {

/// Collects what a model thinks of each next token of a text.
class Perplexity {
 public:
  /// `logits`, {1, tokens, vocabulary}, are a decoder's of `ids`, {1, tokens}: each token but the
  /// first counts. Sums are float64.
  void add(const at::Tensor& logits, const at::Tensor& ids);

  /// exp of the mean of −log p over all tokens that counted; NaN where there are none.
  double value() const;
  std::int64_t tokens() const { return tokens_; }

 private:
  double loss_ = 0;
  std::int64_t tokens_ = 0;
};

/// Of sequences, {sequences, tokens} of int64, one after the other, with no gradients. `progress`
/// (null: nobody waits) is told of each, but not how many there are. Throws what Decoder::forward
/// throws, Cancelled, and std::domain_error where it is not finite.
double perplexity(const Decoder& decoder, const at::Tensor& ids, Products* products = nullptr,
                  Progress* progress = nullptr);

}  // namespace azimuth
