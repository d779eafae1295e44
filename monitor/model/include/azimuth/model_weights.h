#pragma once

#include <Eigen/Core>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azimuth/architecture.h"
#include "azimuth/low_rank_update.h"
#include "azimuth/mixers.h"
#include "azimuth/model_info.h"
#include "azimuth/nonfinite_tensor.h"
#include "azimuth/roles.h"
#include "azimuth/sequence_weights.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

class TensorsByRole;
class Workers;

/// The weights of one snapshot, by role: all that the analysis reads. Immutable; copies share the
/// underlying memory.
class ModelWeights {
 public:
  /// Binds `tensors` to their roles and checks every shape. Nothing is copied but vectors: maps
  /// unpack from `tensors` as they are used, which `tensors.storage` keeps alive. Throws
  /// std::invalid_argument naming the tensor and the reason: a role that no tensor plays, a shape
  /// that does not fit, a tensor within a block that plays no role and is not known to play none,
  /// one of `tensors.unreadable` that plays a role. An empty one may stand for what the pass does
  /// not read.
  static ModelWeights from_tensors(Architecture architecture, NamedTensors tensors,
                                   const RoleNames& extra = {});

  /// The same model with an adapter on top, which is not merged into the weights. The rows of an
  /// update of a fused matrix are taken from the update's layout to that of the stored weights.
  /// Throws std::invalid_argument naming the update: the model has no such weight or it is neither
  /// a matrix of a block nor the embedding or the head, the shape does not fit, its layout is not
  /// known, the same weight twice. The head counts in the digest alone, as queries and keys do.
  ModelWeights with_updates(std::vector<LowRankUpdate> updates) const;

  /// What was found beside the model and is not used, a line each: tensors, settings, options. For
  /// whoever asks what was measured.
  const std::vector<std::string>& warnings() const { return warnings_; }
  void add_warning(std::string warning) { warnings_.push_back(std::move(warning)); }

  /// The shape of the tensor that plays a role in block `block` (0: outside the blocks), as it is
  /// stored; empty where there is none.
  std::vector<std::int64_t> stored_shape(Role role, std::int64_t block) const;

  /// The names of the tensors that play a role in block `block`, as the source gave them: one a
  /// member, ascending.
  std::vector<std::string> stored_names(Role role, std::int64_t block) const;

  /// How its numbers are stored; nothing where there is none.
  std::optional<StoredType> stored_type(Role role, std::int64_t block) const;
  /// All that tensors of some role are stored in, each once.
  std::vector<StoredType> stored_types() const;

  /// The same model with other tensors in the place of some, which all formats lay out alike: the
  /// embedding and the head, with tokens added or left out too, positions, norms, routers. Of the
  /// first two, one that has just some rows (`row_ids`) takes the place of these alone. Throws
  /// std::invalid_argument naming the tensor: the model has none for it or it is another, the shape
  /// does not fit, twice the same.
  ModelWeights with_tensors(NamedTensors replacements) const;

  /// From now on both throw std::invalid_argument(why) when given anything: its tensors are laid
  /// out as no adapter can know.
  void refuse_changes(std::string why) { unchangeable_ = std::move(why); }

  /// What a parameter of this name plays in the model, whether or not there is one: `role_of` with
  /// the names that it was made with, or else without, since an adapter may have the published
  /// ones.
  std::optional<BoundTensor> place_of(std::string_view name) const;

  /// Whether there is a tensor of this role, in a block (from 1) or outside them (0).
  bool has(Role role, std::int64_t block = 0) const;

  const Architecture& architecture() const { return architecture_; }
  std::int64_t hidden_size() const { return hidden_size_; }
  std::int64_t ffn_size() const { return ffn_size_; }
  std::int64_t vocab_size() const { return vocab_size_; }
  std::int64_t head_size() const { return head_size_; }
  std::span<const BlockWeights> blocks() const { return blocks_; }

  /// `h_0` of one-token sequences, what block 1 reads: hidden_size × ids. Throws std::out_of_range
  /// for an id that the vocabulary, or the snapshot, does not have.
  Eigen::MatrixXf embed(std::span<const std::int64_t> token_ids) const;

  /// The same before anything is added to it or multiplied with: rows of the token embedding.
  Eigen::MatrixXf token_embeddings(std::span<const std::int64_t> token_ids) const;

  /// What a decoder reads, as `Architecture::sequences` says how. Nothing is copied but vectors.
  /// Throws std::invalid_argument: how the model reads sequences is not known, a tensor that one
  /// token does without is missing or does not fit.
  SequenceWeights for_sequences() const;

  /// What blocks read of a token beside its hidden state; most models have none of it.
  const TokenInputs& token_inputs() const { return inputs_; }
  /// Of these tokens the rows of the table in it: `per_layer_size` numbers a block, one block below
  /// the other, × ids. Throws std::out_of_range for an id that the snapshot does not have.
  Eigen::MatrixXf per_layer_rows(std::span<const std::int64_t> token_ids) const;

  /// Every weight moved by half a unit of its stored type, at random. For the noise floor.
  ModelWeights nudged(std::uint64_t seed) const;

  /// Of what a pass of these tokens reads, the first tensor in canonical order that holds a number
  /// which is not finite: why hidden states are not. Nothing where all are finite, and the states
  /// overflowed. Reads those tensors up to the one that it finds, at most once. Throws what `embed`
  /// throws.
  std::optional<NonfiniteTensor> first_nonfinite(std::span<const std::int64_t> token_ids,
                                                 Workers& workers) const;

  /// Name and sizes; fingerprint and digest stay empty. No weight is read, but a head and the token
  /// embedding where they are alike in type and shape: a tied head that was stored counts once.
  ModelInfo sizes() const;

  /// Changes with every weight that the pass reads, at the price of reading them all once: sums of
  /// 32-bit words in canonical order, then the updates, hashed. Without the tables of tokens, of
  /// which a snapshot may have just some rows.
  std::string fingerprint(Workers& workers) const;
  std::string fingerprint() const;  ///< on the calling thread

  /// SHA-256, hexadecimal, over all bound tensors in canonical order: name of the role, block,
  /// shape, stored type and bytes of each are hashed, then the list of hashes, those of
  /// replaced rows and of updates last. Not among them is a head that equals the token embedding in
  /// type, shape and bytes: the copy of a tied one, which some containers store and others do not.
  /// Where the weights lie does not matter: what is on a device is read from it a piece at a time,
  /// on the calling thread. Empty if a tensor was captured only in part.
  std::string digest(Workers& workers) const;
  std::string digest() const;  ///< on the calling thread

  /// The same over values instead of bytes, each rounded to bfloat16, so that it survives a change
  /// of the stored type to one that holds the rounded values: from float32 to bfloat16 and back,
  /// from float16 to either. For each tensor of `digest`: name of the role, block, shape, and
  /// SHA-256 over its values, two bytes each, little-endian; then SHA-256 over that list. Quantised
  /// types are unpacked to float32 first. Rounded is to the nearest, of two that are as near to the
  /// even one; every NaN counts as 0x7fc0, and zero keeps its sign. The head is left out where
  /// shape and rounded values are the embedding's; of replaced rows and updates the numbers are
  /// rounded too. Matrices that are laid out otherwise (fused, transposed, rows permuted) have
  /// another one. Reads every weight once, in pieces; nothing of the model is copied as a whole.
  /// Empty where `digest` is.
  std::string bfloat16_digest(Workers& workers) const;

 private:
  ModelWeights() = default;
  void build(Nudge nudge);
  const NamedTensor* tied_head() const;
  bool is_whole() const;
  std::int64_t embedding_row(const NamedTensor& table, std::int64_t token_id) const;
  std::int64_t per_layer_row(const NamedTensor& table, std::int64_t token_id) const;
  const NamedTensor* replaced_row(std::int64_t token_id) const;
  void replace_rows(const BoundTensor& place, const NamedTensor& tensor);
  Eigen::VectorXf embedding_scales(const TensorsByRole& tensors) const;

  Architecture architecture_;
  std::shared_ptr<const NamedTensors> tensors_;
  RoleNames names_;
  std::vector<BoundTensor> bound_;
  std::vector<BoundUpdate> updates_;
  std::vector<std::pair<BoundTensor, NamedTensor>> rows_;  // in the place of some of a tensor's
  Eigen::VectorXf embedding_scales_;  // of DoRA, what each column is multiplied with; empty: as is
  Nudge nudge_;
  std::int64_t hidden_size_ = 0;
  std::int64_t ffn_size_ = 0;
  std::int64_t vocab_size_ = 0;
  std::int64_t head_size_ = 0;
  bool transposed_ = false;  // matrices are stored {inputs, outputs}
  TokenInputs inputs_;
  std::vector<BlockWeights> blocks_;
  std::vector<std::string> warnings_;
  std::string unchangeable_;  // why nothing can be put on it or in the place of its tensors
};

}  // namespace azimuth
