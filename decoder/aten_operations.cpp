#include "aten_operations.h"

#include <torch/types.h>

#include <cmath>
#include <limits>
#include <stdexcept>

namespace azimuth {

using torch::Tensor;

namespace {

// Minus infinity for all that lie outside the best groups.
Tensor within_best_groups(const Routing& routing, const Tensor& choice) {
  if (routing.groups == routing.groups_per_token) return choice;
  const Tensor members = choice.view({choice.size(0), routing.groups, -1});
  const Tensor best = std::get<0>(members.topk(routing.choice_bias ? 2 : 1, -1)).sum(-1);
  const Tensor kept = std::get<1>(best.topk(routing.groups_per_token, -1));
  const Tensor left_out = torch::ones_like(best, torch::kBool).scatter(-1, kept, false);
  return members.masked_fill(left_out.unsqueeze(-1), -std::numeric_limits<double>::infinity())
      .view_as(choice);
}

Tensor best_shares(const Routing& routing, const Tensor& bias, const Tensor& logits) {
  const bool softmax = routing.score == Routing::Score::softmax;
  const Tensor scores = softmax ? logits.softmax(-1) : logits.sigmoid();
  // Logits and scores have one order, but logits are not rounded to 1.
  const Tensor choice = within_best_groups(routing, bias.defined() ? scores + bias : logits);
  const Tensor taken = std::get<1>(choice.topk(routing.experts_per_token, -1));
  Tensor shares = torch::zeros_like(scores).scatter(-1, taken, scores.gather(-1, taken));
  if (routing.normalised) shares = shares / (shares.sum(-1, true) + (softmax ? 0 : 1e-20));
  return shares * routing.scale;
}

Tensor sparse_mixer_shares(const Routing& routing, const Tensor& logits) {
  const auto [sorted, order] = logits.sort(-1, /*descending=*/true);
  Tensor shares = torch::zeros_like(logits);
  for (std::int64_t i = 0; i < 2; ++i) {
    const Tensor best = sorted.narrow(-1, i, 1);
    const Tensor left = sorted.narrow(-1, i, sorted.size(-1) - i);
    const Tensor distance = (best - left) / torch::maximum(left.abs(), best);
    const Tensor sum =
        (left - best).exp().masked_fill(distance > routing.reach, 0).sum(-1, /*keepdim=*/true);
    shares = shares.scatter(-1, order.narrow(-1, i, 1), sum.reciprocal());
  }
  return shares;
}

}  // namespace

bool AtenShares::Tokens::empty() const { return indices.numel() == 0; }

AtenShares::AtenShares(const Routing& routing, const Tensor& choice_bias, const Tensor& logits) {
  const Tensor exact = logits.to(exact_type(logits));
  const bool sparse = routing.score == Routing::Score::sparse_mixer;
  shares_ =
      (sparse ? sparse_mixer_shares(routing, exact) : best_shares(routing, choice_bias, exact))
          .to(logits.scalar_type());
}

AtenShares::Tokens AtenShares::tokens_of(std::size_t expert) const {
  return {shares_.select(1, static_cast<std::int64_t>(expert)).nonzero().squeeze(1)};
}

Tensor AtenShares::of(std::size_t expert, const Tokens& tokens) const {
  return shares_.narrow(1, static_cast<std::int64_t>(expert), 1).index_select(0, tokens.indices);
}

at::ScalarType exact_type(const Tensor& X) {
  return X.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

Tensor capped(const Tensor& X, double cap) { return (X / cap).tanh() * cap; }

Tensor normalised(const Norm& norm, const Tensor& weight, const Tensor& bias, const Tensor& X) {
  if (norm.kind == NormKind::none) return X;
  Tensor Y = X.to(exact_type(X));
  if (norm.kind == NormKind::layer) Y = Y - Y.mean(-1, /*keepdim=*/true);
  Y = Y * (Y.square().mean(-1, /*keepdim=*/true) + norm.epsilon).rsqrt();
  if (weight.defined()) Y = Y * weight;
  if (bias.defined()) Y = Y + bias;
  return Y.to(X.scalar_type());
}

Tensor plain_product(const LinearParameters& linear, const Tensor& X) {
  return at::linear(X, linear.weight, linear.bias);
}

Tensor AtenOperations::product(const Projection& projection, const Tensor& X) {
  const LinearParameters& linear = parameters_.of(projection);
  return products_ == nullptr ? plain_product(linear, X) : products_->product(linear, X);
}

Tensor AtenOperations::normalised(const Norm& norm, const Tensor& X) {
  return azimuth::normalised(norm, parameter(norm.weight), parameter(norm.bias), X);
}

void AtenOperations::activate(Activation activation, Tensor& X, const Xielu& xielu) {
  switch (activation) {
    case Activation::silu:
      X = at::silu(X);
      return;
    case Activation::relu:
      X = X.relu();
      return;
    case Activation::relu2:
      X = X.relu().square();
      return;
    case Activation::gelu:
      X = at::gelu(X);
      return;
    case Activation::gelu_tanh:
      X = at::gelu(X, "tanh");
      return;
    case Activation::xielu:
      X = at::where(X > 0, xielu.positive * X.square(),
                    xielu.negative * (X.clamp_max(xielu.edge).expm1() - X)) +
          xielu.linear * X;
      return;
  }
  throw std::invalid_argument("no such activation");
}

void AtenOperations::clamp(Tensor& X, double low, double high) { X = X.clamp(low, high); }
void AtenOperations::sigmoid(Tensor& X) { X = X.sigmoid(); }
void AtenOperations::softplus(Tensor& X) { X = at::softplus(X); }
void AtenOperations::multiply_by(Tensor& X, const Tensor& Y) { X = X * Y; }
void AtenOperations::multiply_by(Tensor& X, double factor) { X = X * factor; }
void AtenOperations::add(Tensor& X, double number) { X = X + number; }
void AtenOperations::add(Tensor& Y, const Tensor& Z) { Y = Y + Z; }
void AtenOperations::add_to_rows(Tensor& X, const Eigen::VectorXf& v) {
  if (v.size() > 0) X = X + parameter(v);
}
Tensor AtenOperations::rows(const Tensor& X, std::int64_t first, std::int64_t count) {
  return X.narrow(1, first, count);
}

Tensor AtenOperations::normalised_runs(const Norm& norm, const Tensor& X, std::int64_t size) {
  const Norm bare = {norm.kind, norm.epsilon, {}, {}};
  const Tensor runs = azimuth::normalised(bare, {}, {}, X.reshape({X.size(0), -1, size}));
  const Tensor weight = parameter(norm.weight);
  if (!weight.defined()) return runs.view_as(X);
  return (runs * weight.view({-1, size})).view_as(X);  // one for all runs, or one each
}

void AtenOperations::cut(Tensor& X, double deviations) {
  const Tensor mean = X.mean(-1, /*keepdim=*/true);
  const Tensor deviation = (X - mean).square().mean(-1, /*keepdim=*/true).sqrt();
  X = (X - (mean + deviations * deviation)).relu();
}

Tensor AtenOperations::zeros_like(const Tensor& X) { return torch::zeros_like(X); }

AtenShares AtenOperations::shares(const Routing& routing, const Eigen::VectorXf& choice_bias,
                                  const Tensor& logits) {
  return {routing, parameter(choice_bias), logits};
}

Tensor AtenOperations::columns(const Tensor& X, const AtenShares::Tokens& tokens) {
  return X.index_select(0, tokens.indices);
}

void AtenOperations::scale(Tensor& X, const Tensor& factors) { X = X * factors; }

void AtenOperations::add_to(Tensor& Y, const AtenShares::Tokens& tokens, const Tensor& Z) {
  Y = Y.index_add(0, tokens.indices, Z);
}

// Angles are float32, as Transformers has them: a position times a rounded frequency.
std::pair<Tensor, Tensor> AtenOperations::turns(const Rotary& rotary, std::int64_t head_size,
                                                const at::TensorOptions& options) {
  for (const Turns& turns : turns_) {
    if (turns.head_size == head_size && turns.rotary == rotary) return turns.made;
  }
  const std::vector<double> exact = frequencies(rotary, head_size, length_);
  const Tensor rounded = torch::tensor(exact, torch::kFloat64).to(options.dtype(torch::kFloat32));
  const Tensor positions = torch::arange(length_, options.dtype(torch::kFloat32));
  const Tensor angles = torch::outer(positions, rounded);
  const std::pair made = {(angles.cos() * rotary.magnitude).to(options),
                          (angles.sin() * rotary.magnitude).to(options)};
  turns_.push_back({rotary, head_size, made});
  return made;
}

Tensor AtenOperations::reads(std::int64_t window, const at::TensorOptions& options) {
  if (window >= length_) window = 0;
  for (const auto& [made_for, made] : reads_) {
    if (made_for == window) return made;
  }
  Tensor read = torch::ones({length_, length_}, options.dtype(torch::kBool)).tril();
  if (window > 0) read = read.triu(1 - window);
  reads_.emplace_back(window, read);
  return read;
}

Tensor mix(const PerLayerInput&, const Tensor&, Carried<Tensor>&, AtenOperations&) {
  throw std::logic_error("a decoder runs no such mixer");
}

}  // namespace azimuth
