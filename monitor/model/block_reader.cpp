#include "model/block_reader.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "model/normal_quantile.h"
#include "model/row_scaled_map.h"

namespace azimuth {
namespace {

const NamedTensor& matrix_of(const TensorsByRole& tensors, Role role, std::int64_t block) {
  const NamedTensor& tensor = tensors.at(role, block);
  if (tensor.view.shape.size() != 2) {
    reject(tensor, "shape " + shape_text(tensor.view.shape) + " is not that of a matrix");
  }
  return tensor;
}

// The first block that has such a tensor; 0: none.
std::int64_t first_block(const TensorsByRole& tensors, Role role, std::int64_t blocks) {
  for (std::int64_t block = 1; block <= blocks; ++block) {
    if (tensors.has(role, block)) return block;
  }
  return 0;
}

// Of the FFN, or of the first expert, of a block; 0: it has none.
std::int64_t ffn_size_of(const Architecture& a, const TensorsByRole& tensors, std::int64_t block,
                         bool transposed) {
  if (a.has(MixerKind::experts, block)) transposed = a.transposed_experts;
  if (tensors.has(Role::gate_up_weight, block)) {
    return matrix_of(tensors, Role::gate_up_weight, block).view.shape[transposed ? 1 : 0] / 2;
  }
  if (!tensors.has(Role::up_weight, block)) return 0;
  return matrix_of(tensors, Role::up_weight, block).view.shape[transposed ? 1 : 0];
}

// What reads it reads `factor` times as much.
void scale(Norm& norm, double factor) {
  norm.weight *= static_cast<float>(factor);
  norm.bias *= static_cast<float>(factor);
}

}  // namespace

ModelSizes ModelSizes::of(const Architecture& a, const TensorsByRole& tensors,
                          std::int64_t blocks) {
  ModelSizes sizes;
  const NamedTensor& embedding = matrix_of(tensors, Role::token_embedding, 0);
  sizes.vocab = embedding.view.shape[0];
  sizes.hidden = embedding.view.shape[1];

  sizes.head = a.head_size;
  const auto of = [&](Role role) { return first_block(tensors, role, blocks); };
  if (const std::int64_t fused_block = of(Role::query_key_value_weight)) {
    const NamedTensor& first = matrix_of(tensors, Role::query_key_value_weight, fused_block);
    if (sizes.head == 0 && sizes.hidden % a.heads != 0) {
      reject(first, "hidden size is not a multiple of the number of heads");
    }
    if (sizes.head == 0) sizes.head = sizes.hidden / a.heads;
    // GPT-2's Conv1D keeps its matrices transposed, nanoGPT's nn.Linear does not: the fused matrix,
    // which is not square, tells which.
    const std::int64_t fused = (a.heads + 2 * a.kv_heads) * sizes.head;
    sizes.transposed =
        fused != sizes.hidden && first.view.shape == std::vector{sizes.hidden, fused};
  } else if (const std::int64_t block = of(Role::value_weight); block > 0 && sizes.head == 0) {
    const NamedTensor& first = matrix_of(tensors, Role::value_weight, block);
    if (first.view.shape[0] < 1 || first.view.shape[0] % a.kv_heads != 0) {
      reject(first, "shape " + shape_text(first.view.shape) + " does not hold " +
                        std::to_string(a.kv_heads) + " KV heads");
    }
    sizes.head = first.view.shape[0] / a.kv_heads;
  }

  for (std::int64_t block = 1; block <= blocks && sizes.ffn == 0; ++block) {
    sizes.ffn = ffn_size_of(a, tensors, block, sizes.transposed);
  }
  return sizes;
}

Norm BlockReader::norm(Role weight, Role bias, std::int64_t block) const {
  if (a_.bare_norms) return {a_.norm, a_.norm_epsilon, {}, {}};
  return tensors_.norm(weight, bias, block, sizes_.hidden, a_);
}

Projection BlockReader::projection(Role weight, Role bias, std::int64_t block, std::int64_t member,
                                   const TensorsByRole::Shape& shape) const {
  return {tensors_.map(weight, block, member, shape),
          tensors_.vector_or_empty(bias, block, shape.outputs, member)};
}

Projection BlockReader::projection(Role weight, Role bias, std::int64_t block, std::int64_t member,
                                   std::int64_t outputs, std::int64_t inputs) const {
  return projection(weight, bias, block, member, {outputs, inputs, sizes_.transposed});
}

Projection BlockReader::scaled(Projection projection, const Eigen::VectorXd& factors) {
  if ((factors.array() == 1).all()) return projection;
  if (projection.bias.size() > 0) projection.bias.array() *= factors.cast<float>().array();
  projection.map =
      std::make_shared<RowScaledMap>(std::move(projection.map), RowScaledMap::Factors{factors});
  return projection;
}

Projection BlockReader::scaled(Projection projection, double factor) {
  const Eigen::Index outputs = projection.map->rows();
  return scaled(std::move(projection), Eigen::VectorXd::Constant(outputs, factor));
}

Projection BlockReader::values(std::int64_t b) const {
  const AttentionPlan plan = a_.attention_of(b);
  if (plan.values_of > 0) return {};
  const std::int64_t head = a_.attention.empty() ? sizes_.head : plan.head_size;
  const std::int64_t size = plan.kv_heads * head;
  if (!tensors_.has(Role::query_key_value_weight, b)) {
    const bool keys = plan.keys_are_values;
    return projection(keys ? Role::key_weight : Role::value_weight,
                      keys ? Role::key_bias : Role::value_bias, b, 0, size, sizes_.hidden);
  }
  // Of a fused matrix, the runs of outputs that are values.
  const std::int64_t fused = (a_.heads + 2 * plan.kv_heads) * head;
  std::vector<std::pair<std::int64_t, std::int64_t>> runs;
  if (a_.qkv_layout == QkvLayout::by_kind) {
    runs.emplace_back(fused - size, size);
  } else {
    const std::int64_t group = (a_.heads / plan.kv_heads + 2) * head;
    for (std::int64_t kv = 0; kv < plan.kv_heads; ++kv) {
      runs.emplace_back((kv + 1) * group - head, head);
    }
  }
  return tensors_.runs(Role::query_key_value_weight, Role::query_key_value_bias, b,
                       {fused, sizes_.hidden, sizes_.transposed}, runs);
}

// Behind each head's queries, where these have no matrix of their own.
Projection BlockReader::query_gates(std::int64_t b) const {
  if (tensors_.has(Role::query_weight, b)) {
    return projection(Role::query_gate_weight, Role::query_gate_bias, b, 0,
                      {a_.heads * sizes_.head, sizes_.hidden, false});
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> runs;
  for (std::int64_t head = 0; head < a_.heads; ++head) {
    runs.emplace_back((2 * head + 1) * sizes_.head, sizes_.head);
  }
  return tensors_.runs(Role::query_gate_weight, Role::query_gate_bias, b,
                       {2 * a_.heads * sizes_.head, sizes_.hidden, false}, runs);
}

Projection BlockReader::attention_output(std::int64_t b, std::int64_t head_size) const {
  return scaled(
      projection(Role::output_weight, Role::output_bias, b, 0, sizes_.hidden, a_.heads * head_size),
      a_.multipliers.attention_output);
}

Attention BlockReader::attention(std::int64_t b) const {
  Attention attention;
  attention.value = values(b);
  attention.clip = a_.qkv_clip;
  const AttentionPlan plan = a_.attention_of(b);
  attention.head_size = a_.attention.empty() ? sizes_.head : plan.head_size;
  attention.repeats = a_.heads / plan.kv_heads;
  if (a_.value_norm) attention.value_norm = {NormKind::rms, a_.norm_epsilon, {}, {}};
  attention.shared_values = shared_values_.contains(b) ? b : plan.values_of;
  if (a_.gated_attention) attention.gate = query_gates(b);
  attention.output = attention_output(b, attention.head_size);
  if (a_.attention_sinks) attention.sinks = sinks(b);
  if (for_sequences_) attention.scores = scores(b);
  return attention;
}

AttentionSinks BlockReader::sinks(std::int64_t b) const {
  AttentionSinks sinks;
  sinks.query = projection(Role::sink_query_weight, Role::sink_query_bias, b, 0,
                           a_.heads * sizes_.head, sizes_.hidden);
  sinks.key = projection(Role::sink_key_weight, Role::sink_key_bias, b, 0,
                         a_.kv_heads * sizes_.head, sizes_.hidden);
  sinks.scale = a_.rotary_factor * a_.rotary_factor / std::sqrt(static_cast<double>(sizes_.head));
  sinks.offset = -tensors_.vector(Role::sinks, b, a_.heads);
  return sinks;
}

// It has before each head's values its keys.
Projection BlockReader::latent_part(std::int64_t b, bool of_keys) const {
  const auto& [rank, key_size, rotated] = a_.latent;
  const std::int64_t both = key_size + sizes_.head;
  std::vector<std::pair<std::int64_t, std::int64_t>> runs;
  for (std::int64_t head = 0; head < a_.heads; ++head) {
    runs.emplace_back(head * both + (of_keys ? 0 : key_size), of_keys ? key_size : sizes_.head);
  }
  return tensors_.runs(Role::latent_key_value_weight, Role::value_bias, b,
                       {a_.heads * both, rank, false}, runs);
}

// A matrix of their own, or of the one that has keys too.
Projection BlockReader::latent_values(std::int64_t b) const {
  if (tensors_.has(Role::latent_value_weight, b)) {
    if (tensors_.has(Role::latent_key_value_weight, b)) {
      reject(tensors_.at(Role::latent_value_weight, b),
             "stands beside " + tensors_.at(Role::latent_key_value_weight, b).name +
                 ", which holds values too");
    }
    return {tensors_.map(Role::latent_value_weight, b, 0,
                         {a_.heads * sizes_.head, a_.latent.rank, false}),
            {}};
  }
  return latent_part(b, /*of_keys=*/false);
}

Projection BlockReader::latent_rows(std::int64_t b, std::int64_t first, std::int64_t count) const {
  const std::int64_t all = a_.latent.rank + a_.latent.rotated_key_size;
  Projection rows = {
      tensors_.map(Role::latent_weight, b, 0, {all, sizes_.hidden, false}, first, count), {}};
  const Eigen::VectorXf bias = tensors_.vector_or_empty(Role::latent_bias, b, all);
  if (bias.size() > 0) rows.bias = bias.segment(first, count);
  return rows;
}

Norm BlockReader::latent_norm(Role role, std::int64_t b, std::int64_t size) const {
  // That of the norm's class: configurations give one for the norms of the stream alone.
  constexpr double kEpsilon = 1e-6;
  return {NormKind::rms, kEpsilon, tensors_.vector(role, b, size), {}};
}

LatentAttention BlockReader::latent_attention(std::int64_t b) const {
  LatentAttention attention;
  attention.latent = latent_rows(b, 0, a_.latent.rank);
  attention.norm = latent_norm(Role::latent_norm_weight, b, a_.latent.rank);
  attention.value = latent_values(b);
  attention.head_size = sizes_.head;
  attention.output = attention_output(b, sizes_.head);
  if (for_sequences_) attention.scores = latent_scores(b);
  return attention;
}

Xielu BlockReader::xielu(std::int64_t b) const {
  const auto softplus = [](double x) {
    return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
  };
  Xielu xielu;
  xielu.linear = tensors_.number(Role::xielu_beta, b);
  xielu.positive = softplus(tensors_.number(Role::xielu_alpha_p, b));
  xielu.negative = xielu.linear + softplus(tensors_.number(Role::xielu_alpha_n, b));
  xielu.edge = tensors_.number(Role::xielu_eps, b);
  return xielu;
}

FeedForward BlockReader::feed_forward(std::int64_t b, std::int64_t expert, std::int64_t f,
                                      std::int64_t d, bool transposed) const {
  const TensorsByRole::Shape inner = {f, d, transposed};
  FeedForward ffn;
  ffn.activation = a_.activation;
  if (ffn.activation == Activation::xielu) ffn.xielu = xielu(b);
  ffn.clamp = a_.clamped_gate;
  if (tensors_.has(Role::gate_up_weight, b, expert)) {
    const std::int64_t stride = a_.gate_up_by_turns ? 2 : 1;
    const Eigen::VectorXf bias = tensors_.vector_or_empty(Role::gate_up_bias, b, 2 * f, expert);
    const auto half = [&](std::int64_t first) {
      Projection half = {
          tensors_.map(Role::gate_up_weight, b, expert, {2 * f, d, transposed}, first, f, stride),
          {}};
      if (bias.size() > 0) half.bias = bias(Eigen::seqN(first, f, stride));
      return half;
    };
    ffn.gate = half(0);
    ffn.up = half(a_.gate_up_by_turns ? 1 : f);
  } else {
    if (a_.gated_ffn) ffn.gate = projection(Role::gate_weight, Role::gate_bias, b, expert, inner);
    ffn.up = projection(Role::up_weight, Role::up_bias, b, expert, inner);
  }
  ffn.down = projection(Role::down_weight, Role::down_bias, b, expert, {d, f, transposed});
  if (!a_.gate_sparsity.empty()) {
    const double share = a_.gate_sparsity.at(static_cast<std::size_t>(b - 1));
    if (share > 0) ffn.gate_cut = normal_quantile(share);
  }
  if (ffn.gate) ffn.gate = scaled(std::move(ffn.gate), a_.multipliers.ffn_gate);
  ffn.down = scaled(std::move(ffn.down), a_.multipliers.ffn_output);
  return ffn;
}

FeedForward BlockReader::shared_expert(std::int64_t b) const {
  const std::int64_t d = sizes_.hidden;
  const std::int64_t f = matrix_of(tensors_, Role::shared_up_weight, b).view.shape[0];
  FeedForward ffn;
  ffn.activation = a_.activation;
  if (a_.gated_ffn) ffn.gate.map = tensors_.map(Role::shared_gate_weight, b, 0, {f, d, false});
  ffn.up = projection(Role::shared_up_weight, Role::shared_up_bias, b, 0, {f, d, false});
  ffn.down = projection(Role::shared_down_weight, Role::shared_down_bias, b, 0, {d, f, false});
  if (ffn.gate) ffn.gate = scaled(std::move(ffn.gate), a_.multipliers.ffn_gate);
  ffn.down = scaled(std::move(ffn.down), a_.multipliers.ffn_output);
  return ffn;
}

Experts BlockReader::experts(std::int64_t b) const {
  Experts experts;
  experts.router.map = tensors_.map(Role::router_weight, b, 0, {a_.experts, sizes_.hidden, false});
  experts.router.bias = tensors_.vector_or_empty(Role::router_bias, b, a_.experts);
  // ERNIE's is a matrix of one row.
  const bool row =
      tensors_.has(Role::router_choice_bias, b) &&
      tensors_.at(Role::router_choice_bias, b).view.shape == std::vector{1, a_.experts};
  experts.choice_bias = row ? tensors_.all_rows(Role::router_choice_bias, b)
                            : tensors_.vector_or_empty(Role::router_choice_bias, b, a_.experts);
  experts.routing = a_.routing;
  const std::int64_t d = sizes_.hidden;
  const std::int64_t size = ffn_size_of(a_, tensors_, b, sizes_.transposed);
  const std::int64_t latent = a_.expert_latent_size;
  for (std::int64_t expert = 0; expert < a_.experts; ++expert) {
    experts.experts.push_back(
        feed_forward(b, expert, size, latent > 0 ? latent : d, a_.transposed_experts));
  }
  if (latent > 0) {
    experts.input =
        projection(Role::experts_input_weight, Role::experts_input_bias, b, 0, {latent, d, false});
    experts.output = projection(Role::experts_output_weight, Role::experts_output_bias, b, 0,
                                {d, latent, false});
  }
  if (a_.shared_expert) experts.shared = shared_expert(b);
  if (a_.shared_expert_gate) {
    experts.shared_gate.map =
        tensors_.map(Role::shared_router_weight, b, 0, {1, sizes_.hidden, false});
  }
  if (a_.expert_norms) add_norms(b, experts);
  return experts;
}

Mixer BlockReader::mixer(const MixerPlan& plan, std::int64_t b) const {
  Mixer mixer;
  mixer.beside = plan.beside;
  switch (plan.kind) {
    case MixerKind::attention:
      if (a_.latent.rank > 0) {
        mixer.work = latent_attention(b);
      } else {
        mixer.work = attention(b);
      }
      break;
    case MixerKind::delta_rule:
      mixer.work = delta_rule(b);
      break;
    case MixerKind::state_space:
      mixer.work = state_space(b);
      break;
    case MixerKind::selective_state_space:
      mixer.work = selective_state_space(b);
      break;
    case MixerKind::short_convolution:
      mixer.work = short_convolution(b);
      break;
    case MixerKind::feed_forward:
      mixer.work = feed_forward(b, 0, ffn_size_of(a_, tensors_, b, sizes_.transposed),
                                sizes_.hidden, sizes_.transposed);
      break;
    case MixerKind::experts:
      mixer.work = experts(b);
      break;
    case MixerKind::low_rank_residual:
      mixer.work = low_rank_residual(b);
      mixer.norm = norm(Role::attention_norm_weight, Role::attention_norm_bias, b);
      // Attention's output and its own are weighed against the residual stream (Gemma 3n).
      mixer.stream_scale = std::numbers::sqrt2 / 2;
      return mixer;
    case MixerKind::per_layer_input:
      mixer.work = per_layer_input(b);
      mixer.output_norm = norm_without_bias(Role::per_layer_norm_weight, b);
      return mixer;
  }
  const bool tokens = mixer.mixes_tokens();
  // Where a block has one norm, it is called attention's.
  const bool own = !tokens && !a_.shared_norm && a_.plan_of(b).size() > 1;
  if (a_.norm_placement != NormPlacement::after) {
    mixer.norm = own ? norm(Role::ffn_norm_weight, Role::ffn_norm_bias, b)
                     : norm(Role::attention_norm_weight, Role::attention_norm_bias, b);
  }
  if (a_.norm_placement != NormPlacement::before) {
    mixer.output_norm =
        tokens ? norm(Role::attention_output_norm_weight, Role::attention_output_norm_bias, b)
               : norm(Role::ffn_output_norm_weight, Role::ffn_output_norm_bias, b);
  }
  if (plan.kind == MixerKind::attention) scale(mixer.norm, a_.multipliers.attention_input);
  if (plan.kind == MixerKind::state_space) scale(mixer.norm, a_.multipliers.state_space_input);
  if (plan.kind == MixerKind::experts && a_.expert_norms) mixer.norm = {};  // its parts have theirs
  return mixer;
}

BlockWeights BlockReader::read(std::int64_t b) const {
  BlockWeights block;
  for (const MixerPlan& plan : a_.plan_of(b)) block.mixers.push_back(mixer(plan, b));
  if (a_.block_scale) {
    block.mixers.back().stream_scale *= tensors_.vector(Role::block_scale, b, 1)[0];
  }
  if (a_.streams > 1) block.streams = alternating_updates(b);
  return block;
}

}  // namespace azimuth
