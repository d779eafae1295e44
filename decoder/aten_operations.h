#pragma once

#include <ATen/core/Tensor.h>

#include <Eigen/Core>
#include <cstdint>
#include <utility>
#include <vector>

#include "analysis/carried.h"
#include "azimuth/mixers.h"
#include "parameters.h"

namespace azimuth {

/// How much of each token goes to each expert: analysis/routing.h, on ATen.
class AtenShares {
 public:
  /// Those tokens, ascending.
  struct Tokens {
    at::Tensor indices;
    bool empty() const;
  };

  AtenShares(const Routing& routing, const at::Tensor& choice_bias, const at::Tensor& logits);

  Tokens tokens_of(std::size_t expert) const;
  at::Tensor of(std::size_t expert, const Tokens& tokens) const;

 private:
  at::Tensor shares_;  // tokens × experts
};

/// The operations that mixers are written over (analysis/mix.h), on ATen tensors, on any device. A
/// row is a token, where in analysis/host_operations.h a column is: in memory both are alike. The
/// tokens are those of `batch` sequences of `length`, one sequence after the other.
class AtenOperations {
 public:
  using Columns = at::Tensor;

  /// `products` null: the plain ones.
  AtenOperations(const Parameters& parameters, Products* products, std::int64_t batch,
                 std::int64_t length)
      : parameters_(parameters), products_(products), batch_(batch), length_(length) {}

  std::int64_t batch() const { return batch_; }
  std::int64_t length() const { return length_; }
  at::Tensor parameter(const Eigen::VectorXf& vector) const { return parameters_.of(vector); }

  /// Every product of a weight matrix with hidden states is made here.
  Columns product(const Projection& projection, const Columns& X);

  Columns normalised(const Norm& norm, const Columns& X);
  void activate(Activation activation, Columns& X, const Xielu& xielu = {});
  void clamp(Columns& X, double low, double high);
  void sigmoid(Columns& X);
  void softplus(Columns& X);
  void multiply_by(Columns& X, const Columns& Y);
  void multiply_by(Columns& X, double factor);
  void add(Columns& X, double number);
  void add(Columns& Y, const Columns& Z);
  void add_to_rows(Columns& X, const Eigen::VectorXf& v);
  Columns rows(const Columns& X, std::int64_t first, std::int64_t count);
  Columns zeros_like(const Columns& X);
  Columns normalised_runs(const Norm& norm, const Columns& X, std::int64_t size);
  void cut(Columns& X, double deviations);

  AtenShares shares(const Routing& routing, const Eigen::VectorXf& choice_bias,
                    const Columns& logits);
  void count_expert() {}
  Columns columns(const Columns& X, const AtenShares::Tokens& tokens);
  void scale(Columns& X, const Columns& factors);
  void add_to(Columns& Y, const AtenShares::Tokens& tokens, const Columns& Z);

  /// Cosines and sines of every position, {length, pairs}; made once for blocks that turn alike.
  std::pair<at::Tensor, at::Tensor> turns(const Rotary& rotary, std::int64_t head_size,
                                          const at::TensorOptions& options);
  /// Which positions a position reads: {length, length}, of bool. The same.
  at::Tensor reads(std::int64_t window, const at::TensorOptions& options);

 private:
  struct Turns {
    Rotary rotary;
    std::int64_t head_size;
    std::pair<at::Tensor, at::Tensor> made;
  };

  const Parameters& parameters_;
  Products* products_;
  std::int64_t batch_;
  std::int64_t length_;
  std::vector<Turns> turns_;
  std::vector<std::pair<std::int64_t, at::Tensor>> reads_;
};

/// A norm of the last dimension, whose parameters may be of more than that one. Computed in float32
/// at least.
at::Tensor normalised(const Norm& norm, const at::Tensor& weight, const at::Tensor& bias,
                      const at::Tensor& X);

/// cap · tanh(X / cap).
at::Tensor capped(const at::Tensor& X, double cap);

/// At least float32.
at::ScalarType exact_type(const at::Tensor& X);

/// What heads read of the values of a sequence (analysis/mix.h).
at::Tensor attended(const Attention& attention, const at::Tensor& X, const at::Tensor& values,
                    AtenOperations& ops);
at::Tensor attended(const LatentAttention& attention, const at::Tensor& X, const at::Tensor& latent,
                    const at::Tensor& values, AtenOperations& ops);

// What mixers that keep a state over tokens make of sequences (analysis/mix_recurrent.h).
void convolve(const Convolution& convolution, at::Tensor& X, AtenOperations& ops);
at::Tensor scanned(const DeltaRule& rule, const at::Tensor& X, const at::Tensor& queries,
                   const at::Tensor& keys, const at::Tensor& strength, const at::Tensor& values,
                   AtenOperations& ops);
at::Tensor scanned(const StateSpace& space, const at::Tensor& x, const at::Tensor& written,
                   const at::Tensor& read, const at::Tensor& step, AtenOperations& ops);
at::Tensor scanned(const SelectiveStateSpace& space, const at::Tensor& u, const at::Tensor& written,
                   const at::Tensor& read, const at::Tensor& step, AtenOperations& ops);

/// Throws std::logic_error: only one token is known of it, and `why_not` names it first.
at::Tensor mix(const PerLayerInput&, const at::Tensor& X, Carried<at::Tensor>& carried,
               AtenOperations& ops);

}  // namespace azimuth
