// What only sequences of several tokens need of attention.

#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "model/block_reader.h"

namespace azimuth {

Projection BlockReader::queries_or_keys(Role weight, Role bias, std::int64_t b) const {
  const bool keys = weight == Role::key_weight;
  const std::int64_t count = keys ? a_.kv_heads : a_.heads;
  std::vector<std::pair<std::int64_t, std::int64_t>> runs;
  if (tensors_.has(Role::query_key_value_weight, b)) {
    const std::int64_t fused = (a_.heads + 2 * a_.kv_heads) * sizes_.head;
    if (a_.qkv_layout == QkvLayout::by_kind) {
      runs.emplace_back(keys ? a_.heads * sizes_.head : 0, count * sizes_.head);
    } else {
      const std::int64_t queries = a_.heads / a_.kv_heads * sizes_.head;
      for (std::int64_t kv = 0; kv < a_.kv_heads; ++kv) {
        const std::int64_t group = kv * (queries + 2 * sizes_.head);
        runs.emplace_back(keys ? group + queries : group, keys ? sizes_.head : queries);
      }
    }
    return tensors_.runs(Role::query_key_value_weight, Role::query_key_value_bias, b,
                         {fused, sizes_.hidden, sizes_.transposed}, runs);
  }
  if (!keys && a_.gated_attention && !tensors_.has(Role::query_weight, b)) {
    for (std::int64_t head = 0; head < a_.heads; ++head) {
      runs.emplace_back(2 * head * sizes_.head, sizes_.head);
    }
    return tensors_.runs(Role::query_gate_weight, Role::query_gate_bias, b,
                         {2 * a_.heads * sizes_.head, sizes_.hidden, false}, runs);
  }
  if (a_.attention_sinks) {
    weight = keys ? Role::sink_key_weight : Role::sink_query_weight;
    bias = keys ? Role::sink_key_bias : Role::sink_query_bias;
  }
  if (!tensors_.has(weight, b)) {
    throw std::invalid_argument(std::string(name_of(weight)) + " of block " + std::to_string(b) +
                                " is missing");
  }
  return projection(weight, bias, b, 0, count * sizes_.head, sizes_.hidden);
}

// Of each head with one weight for all, or its own (a row each, or a tensor each), or of all heads
// at once: `of_all` says so.
Norm BlockReader::query_or_key_norm(Role weight, Role bias, std::int64_t b, std::int64_t heads,
                                    bool& of_all) const {
  const bool stored = tensors_.has(weight, b);
  if (stored != a_.sequences.query_norms) {
    throw std::invalid_argument(std::string(name_of(weight)) + " of block " + std::to_string(b) +
                                (stored ? " is there, and the model has none" : " is missing"));
  }
  if (!stored) return {};
  Norm norm = {a_.norm, a_.norm_epsilon, {}, {}};
  const NamedTensor& first = tensors_.at(weight, b);
  const std::vector<std::int64_t>& shape = first.view.shape;
  if (heads > 1 && tensors_.has(weight, b, 1)) {
    norm.weight.resize(heads * sizes_.head);
    for (std::int64_t head = 0; head < heads; ++head) {
      norm.weight.segment(head * sizes_.head, sizes_.head) =
          tensors_.vector(weight, b, sizes_.head, head);
    }
  } else if (shape == std::vector{sizes_.head}) {
    norm.weight = tensors_.vector(weight, b, sizes_.head);
    norm.bias = tensors_.vector_or_empty(bias, b, sizes_.head);
  } else if (shape == std::vector{heads, sizes_.head}) {
    norm.weight = tensors_.all_rows(weight, b);
  } else {
    norm.weight = tensors_.vector(weight, b, heads * sizes_.head);
    norm.bias = tensors_.vector_or_empty(bias, b, heads * sizes_.head);
    of_all = true;
    if (a_.sequences.norms_behind_rotary) reject(first, "is not a norm of each head");
  }
  norm.weight.array() += static_cast<float>(a_.norm_offset);
  return norm;
}

AttentionScores BlockReader::scores(std::int64_t b) const {
  const Sequences& s = a_.sequences;
  if (!a_.attention.empty()) throw std::invalid_argument("blocks differ in their heads");
  AttentionScores scores;
  scores.query = queries_or_keys(Role::query_weight, Role::query_bias, b);
  scores.key = queries_or_keys(Role::key_weight, Role::key_bias, b);
  scores.head_size = sizes_.head;
  scores.query_norm = query_or_key_norm(Role::query_norm_weight, Role::query_norm_bias, b, a_.heads,
                                        scores.norms_of_all);
  scores.key_norm = query_or_key_norm(Role::key_norm_weight, Role::key_norm_bias, b, a_.kv_heads,
                                      scores.norms_of_all);
  scores.norms_behind_rotary = s.norms_behind_rotary;
  scores.scale =
      s.attention_scale > 0 ? s.attention_scale : 1 / std::sqrt(static_cast<double>(sizes_.head));
  scores.cap = s.attention_cap;
  scores.reach = s.reach(b);
  if (a_.attention_sinks) scores.sinks = tensors_.vector(Role::sinks, b, a_.heads);
  return scores;
}

LatentScores BlockReader::latent_scores(std::int64_t b) const {
  const Sequences& s = a_.sequences;
  const auto& [rank, key_size, rotated] = a_.latent;
  if (s.reach(b).alibi || s.attention_cap > 0 || s.query_norms) {
    throw std::invalid_argument(
        "latent attention has neither slopes, nor caps, nor norms of heads");
  }
  LatentScores scores;
  const bool apart = tensors_.has(Role::key_weight, b);  // as a decoder keeps them
  const std::int64_t turning =
      apart ? tensors_.at(Role::key_weight, b).view.shape.front() : rotated;
  scores.turning_key =
      apart ? projection(Role::key_weight, Role::key_bias, b, 0, {turning, sizes_.hidden, false})
            : latent_rows(b, rank, turning);
  scores.key = tensors_.has(Role::latent_key_weight, b)
                   ? Projection{tensors_.map(Role::latent_key_weight, b, 0,
                                             {a_.heads * key_size, rank, false}),
                                {}}
                   : latent_part(b, /*of_keys=*/true);
  scores.key_size = key_size;
  scores.turning_size = turning;
  const std::int64_t outputs = a_.heads * (key_size + turning);
  if (tensors_.has(Role::latent_query_weight, b)) {
    const std::int64_t query_rank = tensors_.at(Role::latent_query_weight, b).view.shape[0];
    scores.query_latent = projection(Role::latent_query_weight, Role::latent_query_bias, b, 0,
                                     {query_rank, sizes_.hidden, false});
    scores.query_norm = latent_norm(Role::latent_query_norm_weight, b, query_rank);
    scores.query = {
        tensors_.map(Role::latent_query_output_weight, b, 0, {outputs, query_rank, false}), {}};
  } else {
    scores.query =
        projection(Role::query_weight, Role::query_bias, b, 0, {outputs, sizes_.hidden, false});
  }
  scores.scale = s.attention_scale > 0 ? s.attention_scale
                                       : 1 / std::sqrt(static_cast<double>(key_size + turning));
  scores.reach = s.reach(b);
  return scores;
}

}  // namespace azimuth
