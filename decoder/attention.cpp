// What attention makes of sequences, written once over the mixer `Attention`.

#include <torch/types.h>

#include <limits>
#include <vector>

#include "aten_operations.h"

namespace azimuth {
namespace {

using torch::Tensor;

// {batch, heads, tokens, numbers a head} of {tokens of all sequences, numbers of all heads}.
Tensor by_head(const Tensor& X, std::int64_t size, const AtenOperations& ops) {
  return X.view({ops.batch(), ops.length(), X.size(1) / size, size}).transpose(1, 2);
}

// Of every head, {batch, heads, tokens, numbers}, with one weight for all or one each.
Tensor normed_by_head(const Norm& norm, const Tensor& X, const AtenOperations& ops) {
  const auto by_head = [&](const Eigen::VectorXf& vector) {
    const Tensor all = ops.parameter(vector);
    return all.defined() ? all.view({-1, 1, X.size(-1)}) : all;
  };
  return normalised(norm, by_head(norm.weight), by_head(norm.bias), X);
}

Tensor turned(const Tensor& X, const AttentionReach& reach, AtenOperations& ops) {
  if (!reach.rotary) return X;
  const Rotary& rotary = *reach.rotary;
  const std::int64_t head_size = X.size(-1);
  const auto [cosines, sines] = ops.turns(rotary, head_size, X.options());
  const std::int64_t size = rotary.size == 0 ? head_size : rotary.size;
  const Tensor part = X.narrow(-1, 0, size);
  Tensor first, second;
  if (rotary.neighbours) {
    first = part.slice(-1, 0, size, 2);
    second = part.slice(-1, 1, size, 2);
  } else {
    first = part.narrow(-1, 0, size / 2);
    second = part.narrow(-1, size / 2, size / 2);
  }
  const Tensor x = first * cosines - second * sines;
  const Tensor y = second * cosines + first * sines;
  const Tensor both =
      rotary.neighbours ? torch::stack({x, y}, -1).flatten(-2) : torch::cat({x, y}, -1);
  if (size == head_size) return both;
  return torch::cat({both, X.narrow(-1, size, head_size - size)}, -1);
}

Tensor queries_or_keys(const Projection& projection, const Norm& norm, const Attention& attention,
                       const Tensor& X, AtenOperations& ops) {
  const AttentionScores& scores = *attention.scores;
  Tensor Y = ops.product(projection, X);
  if (scores.norms_of_all) Y = ops.normalised(norm, Y);
  if (attention.clip > 0) ops.clamp(Y, -attention.clip, attention.clip);
  Y = by_head(Y, scores.head_size, ops);
  const bool before = !scores.norms_of_all && !scores.norms_behind_rotary;
  if (before) Y = normed_by_head(norm, Y, ops);
  Y = turned(Y, scores.reach, ops);
  return before || scores.norms_of_all ? Y : normed_by_head(norm, Y, ops);
}

// A number for each key, {heads, 1, tokens}.
Tensor position_bias(const Alibi& alibi, std::int64_t heads, std::int64_t length,
                     const at::TensorOptions& options) {
  const auto type = alibi.bfloat16 ? torch::kBFloat16 : torch::kFloat32;
  const Tensor slope = torch::tensor(slopes(alibi, heads), torch::kFloat64).to(options.dtype(type));
  const Tensor position = torch::arange(length, options.dtype(torch::kInt64));
  return (slope.view({heads, 1, 1}) * position).to(options);
}

// Weights of keys, {batch, heads, tokens, keys}.
Tensor weights_of(const AttentionScores& scores, const Tensor& query, const Tensor& key,
                  AtenOperations& ops) {
  Tensor logits = query.matmul(key.transpose(-1, -2));
  logits = logits.to(exact_type(logits));
  const auto heads = logits.size(1);
  Tensor bias;
  if (scores.reach.alibi) {
    bias = position_bias(*scores.reach.alibi, heads, ops.length(), logits.options());
  }
  const bool scaled_bias = scores.reach.alibi && scores.reach.alibi->scaled;
  if (scaled_bias) logits = logits + bias;
  logits = logits * scores.scale;
  if (bias.defined() && !scaled_bias) logits = logits + bias;
  if (scores.cap > 0) logits = capped(logits, scores.cap);
  logits = logits.masked_fill(ops.reads(scores.reach.window, query.options()).logical_not(),
                              -std::numeric_limits<double>::infinity());
  const Tensor sinks = ops.parameter(scores.sinks);
  if (sinks.defined()) {
    const Tensor beside = sinks.to(logits.scalar_type())
                              .view({1, heads, 1, 1})
                              .expand({logits.size(0), heads, ops.length(), 1});
    logits = torch::cat({logits, beside}, -1);
  }
  return logits.softmax(-1).narrow(-1, 0, ops.length()).to(query.scalar_type());
}

Tensor read_plainly(const Tensor& query, const Tensor& key, const Tensor& value,
                    const AttentionReach& reach, double scale, AtenOperations& ops) {
  const bool all = reach.window == 0 || reach.window >= ops.length();
  const auto mask = all ? std::nullopt : std::optional(ops.reads(reach.window, query.options()));
  return at::scaled_dot_product_attention(query, key, value, mask, 0.0, /*is_causal=*/all, scale);
}

// Back to {tokens of all sequences, numbers of all heads}.
Tensor by_token(const Tensor& read) {
  return read.transpose(1, 2).reshape({read.size(0) * read.size(2), -1});
}

}  // namespace

Tensor attended(const Attention& attention, const Tensor& X, const Tensor& values,
                AtenOperations& ops) {
  const AttentionScores& scores = *attention.scores;
  const Tensor query = queries_or_keys(scores.query, scores.query_norm, attention, X, ops);
  const auto repeated = [&](const Tensor& Y) {
    return attention.repeats == 1 ? Y : Y.repeat_interleave(attention.repeats, 1);
  };
  const Tensor key = repeated(queries_or_keys(scores.key, scores.key_norm, attention, X, ops));
  const Tensor value = repeated(by_head(values, attention.head_size, ops));
  Tensor read;
  const AttentionReach& reach = scores.reach;
  if (scores.cap > 0 || scores.sinks.size() > 0 || reach.alibi) {
    read = weights_of(scores, query, key, ops).matmul(value);
  } else {
    read = read_plainly(query, key, value, reach, scores.scale, ops);
  }
  return by_token(read);
}

Tensor attended(const LatentAttention& attention, const Tensor& X, const Tensor& latent,
                const Tensor& values, AtenOperations& ops) {
  const LatentScores& scores = *attention.scores;
  Tensor query = X;
  if (scores.query_latent) {
    query = ops.normalised(scores.query_norm, ops.product(scores.query_latent, X));
  }
  query = by_head(ops.product(scores.query, query), scores.key_size + scores.turning_size, ops);
  const Tensor turning =
      turned(query.narrow(-1, scores.key_size, scores.turning_size), scores.reach, ops);
  query = torch::cat({query.narrow(-1, 0, scores.key_size), turning}, -1);
  const Tensor key = by_head(ops.product(scores.key, latent), scores.key_size, ops);
  const Tensor of_all = turned(
      by_head(ops.product(scores.turning_key, X), scores.turning_size, ops), scores.reach, ops);
  return by_token(
      read_plainly(query, torch::cat({key, of_all.expand({-1, key.size(1), -1, -1})}, -1),
                   by_head(values, attention.head_size, ops), scores.reach, scores.scale, ops));
}

}  // namespace azimuth
