#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <span>

#include "azimuth/architecture.h"
#include "azimuth/mixers.h"
#include "model/tensors_by_role.h"

namespace azimuth {

/// What the matrices of a model have in common.
struct ModelSizes {
  std::int64_t vocab = 0;
  std::int64_t hidden = 0;
  std::int64_t ffn = 0;     ///< of the first block's FFN, or of its experts
  std::int64_t head = 0;    ///< numbers a head of values; 0: no block has attention
  bool transposed = false;  ///< matrices are stored {inputs, outputs}

  /// From the shapes of the tensors. Throws std::invalid_argument, naming one that does not fit.
  static ModelSizes of(const Architecture& architecture, const TensorsByRole& tensors,
                       std::int64_t blocks);
};

/// Makes the mixers of a block from its tensors, as the architecture says what they compute: all
/// that there is between a family's table and the pass. Throws std::invalid_argument, naming the
/// tensor whose shape does not fit.
class BlockReader {
 public:
  /// Keeps references to all three. `for_sequences`: attention gets its scores.
  BlockReader(const Architecture& architecture, const TensorsByRole& tensors,
              const ModelSizes& sizes, bool for_sequences = false)
      : a_(architecture), tensors_(tensors), sizes_(sizes), for_sequences_(for_sequences) {
    for (const AttentionPlan& plan : a_.attention) shared_values_.insert(plan.values_of);
  }

  /// From 1.
  BlockWeights read(std::int64_t block) const;
  /// Of a model of so many blocks.
  TokenInputs token_inputs(std::int64_t blocks) const;

 private:
  Norm norm(Role weight, Role bias, std::int64_t block) const;
  Projection projection(Role weight, Role bias, std::int64_t block, std::int64_t member,
                        const TensorsByRole::Shape& shape) const;
  /// Stored as the model's matrices are.
  Projection projection(Role weight, Role bias, std::int64_t block, std::int64_t member,
                        std::int64_t outputs, std::int64_t inputs) const;
  /// Every output, its bias included, times its factor.
  static Projection scaled(Projection projection, const Eigen::VectorXd& factors);
  static Projection scaled(Projection projection, double factor);
  Mixer mixer(const MixerPlan& plan, std::int64_t block) const;
  Projection values(std::int64_t block) const;
  Projection query_gates(std::int64_t block) const;
  Projection attention_output(std::int64_t block, std::int64_t head_size) const;
  Attention attention(std::int64_t block) const;
  Xielu xielu(std::int64_t block) const;
  AttentionSinks sinks(std::int64_t block) const;
  /// Of the latent vector: each head's keys (`of_keys`) or values, from the matrix that has both.
  Projection latent_part(std::int64_t block, bool of_keys) const;
  Projection latent_values(std::int64_t block) const;
  /// Of what all heads share: `count` rows from `first`.
  Projection latent_rows(std::int64_t block, std::int64_t first, std::int64_t count) const;
  Norm latent_norm(Role role, std::int64_t block, std::int64_t size) const;
  LatentAttention latent_attention(std::int64_t block) const;
  /// Of `size` numbers between `inputs` read and as many given.
  FeedForward feed_forward(std::int64_t block, std::int64_t expert, std::int64_t size,
                           std::int64_t inputs, bool transposed) const;
  FeedForward shared_expert(std::int64_t block) const;
  Experts experts(std::int64_t block) const;
  // For sequences: block_reader_sequences.cpp.
  Projection queries_or_keys(Role weight, Role bias, std::int64_t block) const;
  Norm query_or_key_norm(Role weight, Role bias, std::int64_t block, std::int64_t heads,
                         bool& of_all) const;
  AttentionScores scores(std::int64_t block) const;
  LatentScores latent_scores(std::int64_t block) const;
  // Those that keep a state over tokens: block_reader_recurrent.cpp.
  Convolution convolution(std::int64_t block, std::int64_t channels) const;
  Norm recurrent_norm(Role weight, std::int64_t block, std::int64_t size) const;
  Projection by_key_head(Role role, std::int64_t block, std::span<const std::int64_t> sizes,
                         std::initializer_list<std::size_t> parts) const;
  DeltaRule delta_rule(std::int64_t block) const;
  StateSpace state_space(std::int64_t block) const;
  SelectiveStateSpace selective_state_space(std::int64_t block) const;
  ShortConvolution short_convolution(std::int64_t block) const;
  // What reads more than the hidden state: block_reader_beside.cpp.
  Norm norm_without_bias(Role weight, std::int64_t block) const;
  Projection matrix(Role role, std::int64_t block, std::int64_t outputs, std::int64_t inputs) const;
  LowRankResidual low_rank_residual(std::int64_t block) const;
  PerLayerInput per_layer_input(std::int64_t block) const;
  void add_norms(std::int64_t block, Experts& experts) const;
  AlternatingUpdates alternating_updates(std::int64_t block) const;

  const Architecture& a_;
  const TensorsByRole& tensors_;
  const ModelSizes& sizes_;
  bool for_sequences_;
  std::set<std::int64_t> shared_values_;  // blocks, from 1, whose values others read
};

}  // namespace azimuth
