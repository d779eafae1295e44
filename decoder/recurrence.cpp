// What mixers that keep a state over tokens make of sequences: the state goes from token to token.
// In float32 at least, as the families' reference implementations have it.

#include <torch/types.h>

#include <vector>

#include "aten_operations.h"

namespace azimuth {
namespace {

using torch::Tensor;

// {batch, tokens, heads, numbers a head}.
Tensor heads_of(const Tensor& X, std::int64_t size, const AtenOperations& ops) {
  return X.reshape({ops.batch(), ops.length(), X.size(1) / size, size}).to(exact_type(X));
}

// What was read at each token, {tokens of all sequences, numbers of all heads}, of the type of X.
Tensor put_together(const std::vector<Tensor>& read, const Tensor& X) {
  return torch::stack(read, 1).reshape({X.size(0), -1}).to(X.scalar_type());
}

// What a state is multiplied with over a step of 1, but for its exponential.
Tensor log_decay(const Eigen::VectorXf& rate, const Tensor& X, const AtenOperations& ops) {
  return -ops.parameter(rate).to(exact_type(X)).exp();
}

}  // namespace

void convolve(const Convolution& convolution, Tensor& X, AtenOperations& ops) {
  const std::int64_t channels = X.size(1);
  const Tensor taps = ops.parameter(convolution.taps).view({channels, 1, -1});
  const Tensor sequences = X.reshape({ops.batch(), ops.length(), channels}).transpose(1, 2);
  const Tensor before = torch::zeros({ops.batch(), channels, taps.size(2) - 1}, X.options());
  constexpr std::int64_t kOne[] = {1}, kNone[] = {0};
  X = at::conv1d(torch::cat({before, sequences}, 2), taps, ops.parameter(convolution.bias), kOne,
                 at::IntArrayRef(kNone), kOne, /*groups=*/channels)
          .transpose(1, 2)
          .reshape({-1, channels});
}

Tensor scanned(const DeltaRule& rule, const Tensor& X, const Tensor& queries, const Tensor& keys,
               const Tensor& strength, const Tensor& values, AtenOperations& ops) {
  const Tensor step = ops.product(rule.decay, X).to(exact_type(X)) + ops.parameter(rule.decay_bias);
  const Tensor decay =
      heads_of((at::softplus(step) * log_decay(rule.decay_rate, X, ops)).exp(), 1, ops);
  const auto for_values = [&](const Tensor& Y) {
    const Tensor heads = heads_of(Y, rule.key_size, ops);
    return rule.tiled ? heads.repeat({1, 1, rule.repeats, 1})
                      : heads.repeat_interleave(rule.repeats, 2);
  };
  const Tensor q = for_values(queries), k = for_values(keys);
  const Tensor v = heads_of(values, rule.value_size, ops), beta = heads_of(strength, 1, ops);
  Tensor state = torch::zeros({v.size(0), v.size(2), rule.key_size, rule.value_size}, v.options());
  std::vector<Tensor> read;
  for (std::int64_t t = 0; t < ops.length(); ++t) {
    const Tensor key = k.select(1, t).unsqueeze(-1);
    state = state * decay.select(1, t).unsqueeze(-1);
    const Tensor change = (v.select(1, t) - (state * key).sum(-2)) * beta.select(1, t);
    state = state + key * change.unsqueeze(-2);
    read.push_back((state * q.select(1, t).unsqueeze(-1)).sum(-2));
  }
  return put_together(read, values);
}

Tensor scanned(const StateSpace& space, const Tensor& x, const Tensor& written, const Tensor& read,
               const Tensor& step, AtenOperations& ops) {
  const std::int64_t repeats = space.heads / space.groups;
  const Tensor u = heads_of(x, space.head_size, ops), delta = heads_of(step, 1, ops);
  const Tensor b = heads_of(written, space.state_size, ops).repeat_interleave(repeats, 2);
  const Tensor c = heads_of(read, space.state_size, ops).repeat_interleave(repeats, 2);
  const Tensor decay = (delta * log_decay(space.decay_rate, x, ops).view({-1, 1})).exp();
  const Tensor skip = ops.parameter(space.skip).to(exact_type(x)).view({-1, 1});
  Tensor state =
      torch::zeros({u.size(0), space.heads, space.head_size, space.state_size}, u.options());
  std::vector<Tensor> all;
  for (std::int64_t t = 0; t < ops.length(); ++t) {
    const Tensor now = u.select(1, t);
    state = state * decay.select(1, t).unsqueeze(-1) +
            (now * delta.select(1, t)).unsqueeze(-1) * b.select(1, t).unsqueeze(-2);
    all.push_back((state * c.select(1, t).unsqueeze(-2)).sum(-1) + now * skip);
  }
  return put_together(all, x);
}

Tensor scanned(const SelectiveStateSpace& space, const Tensor& u, const Tensor& written,
               const Tensor& read, const Tensor& step, AtenOperations& ops) {
  const auto by_sequence = [&](const Tensor& Y) {
    return Y.reshape({ops.batch(), ops.length(), -1}).to(exact_type(Y));
  };
  const Tensor x = by_sequence(u), delta = by_sequence(step);
  const Tensor b = by_sequence(written), c = by_sequence(read);
  const Tensor rate = log_decay(space.decay_rate, u, ops);
  const Tensor skip = ops.parameter(space.skip).to(exact_type(u));
  Tensor state = torch::zeros({x.size(0), space.inner_size, space.state_size}, x.options());
  std::vector<Tensor> all;
  for (std::int64_t t = 0; t < ops.length(); ++t) {
    const Tensor now = x.select(1, t), length = delta.select(1, t);
    state = state * (length.unsqueeze(-1) * rate).exp() +
            (now * length).unsqueeze(-1) * b.select(1, t).unsqueeze(1);
    all.push_back((state * c.select(1, t).unsqueeze(1)).sum(-1) + now * skip);
  }
  return put_together(all, u);
}

}  // namespace azimuth
