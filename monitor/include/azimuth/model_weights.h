#pragma once

#include <Eigen/Core>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "azimuth/architecture.h"
#include "azimuth/linear_map.h"
#include "azimuth/observation.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// What a tensor is for. `canonical order` (of digests) is the order of this list, block by block.
enum class Role {
  token_embedding,
  position_embedding,
  attention_norm_weight,
  attention_norm_bias,
  query_weight,
  query_bias,
  key_weight,
  key_bias,
  value_weight,
  value_bias,
  query_key_value_weight,
  query_key_value_bias,
  output_weight,
  output_bias,
  ffn_norm_weight,
  ffn_norm_bias,
  gate_weight,
  up_weight,
  up_bias,
  down_weight,
  down_bias,
  final_norm_weight,
  final_norm_bias,
  head_weight,
};
std::string_view name_of(Role role);

/// Names that the tables do not know, mapped by the caller: role to parameter name, with `{}` where
/// the number of the block (from 0, as frameworks count) stands.
using RoleNames = std::map<Role, std::string>;

/// Which tensor plays which role.
struct BoundTensor {
  Role role = Role::token_embedding;
  std::int64_t block = 0;  ///< from 1; 0 for tensors outside the blocks
  std::size_t tensor = 0;  ///< index into the list that was given
};

/// Finds the roles of `tensors` by their names, with the tables for `architecture` (Hugging Face,
/// Meta, GPT-2 and nanoGPT, GGUF) and then `extra`. In canonical order. Throws
/// std::invalid_argument naming the missing roles and the parameters that were found.
std::vector<BoundTensor> bind_roles(const Architecture& architecture,
                                    std::span<const NamedTensor> tensors,
                                    const RoleNames& extra = {});

/// Whether the single-token pass reads a tensor of this role; the others only count in the digest.
bool is_read_by_pass(Role role);

struct Norm {
  Eigen::VectorXf weight;
  Eigen::VectorXf bias;  ///< empty: none
};

struct BlockWeights {
  Norm attention_norm;
  std::shared_ptr<const LinearMap> value;   ///< kv_heads * head_dim × hidden_size
  Eigen::VectorXf value_bias;               ///< this and all biases: empty where there is none
  std::shared_ptr<const LinearMap> output;  ///< hidden_size × heads * head_dim
  Eigen::VectorXf output_bias;
  Norm ffn_norm;
  std::shared_ptr<const LinearMap> gate;  ///< ffn_size × hidden_size; null in a plain FFN
  std::shared_ptr<const LinearMap> up;
  Eigen::VectorXf up_bias;
  std::shared_ptr<const LinearMap> down;  ///< hidden_size × ffn_size
  Eigen::VectorXf down_bias;
};

/// The weights of one snapshot, by role: all that the analysis reads. Immutable; copies share the
/// underlying memory.
class ModelWeights {
 public:
  /// Binds `tensors` to their roles and checks every shape. Nothing is copied but vectors: maps
  /// unpack from `tensors` as they are used, which `tensors.storage` keeps alive. Throws
  /// std::invalid_argument naming the tensor and the reason.
  static ModelWeights from_tensors(Architecture architecture, NamedTensors tensors,
                                   const RoleNames& extra = {});

  const Architecture& architecture() const { return architecture_; }
  std::int64_t hidden_size() const { return hidden_size_; }
  std::int64_t ffn_size() const { return ffn_size_; }
  std::int64_t vocab_size() const { return vocab_size_; }
  std::int64_t head_size() const { return head_size_; }
  std::span<const BlockWeights> blocks() const { return blocks_; }

  /// `h_0` of one-token sequences: hidden_size × ids. Throws std::out_of_range for an id that the
  /// vocabulary, or the snapshot, does not have.
  Eigen::MatrixXf embed(std::span<const std::int64_t> token_ids) const;

  /// Every weight moved by half a unit of its stored type, at random. For the noise floor.
  ModelWeights nudged(std::uint64_t seed) const;

  /// Sizes, and the fingerprint; the digest stays empty.
  ModelInfo info() const;

  /// SHA-256, hexadecimal, over all bound tensors in canonical order: name of the role, block,
  /// shape, stored type and bytes of each are hashed, then the list of hashes. Empty if a tensor
  /// was captured only in part or does not lie in host memory.
  std::string digest() const;

 private:
  ModelWeights() = default;
  void build(Nudge nudge);

  Architecture architecture_;
  std::shared_ptr<const NamedTensors> tensors_;
  std::vector<BoundTensor> bound_;
  Nudge nudge_;
  std::int64_t hidden_size_ = 0;
  std::int64_t ffn_size_ = 0;
  std::int64_t vocab_size_ = 0;
  std::int64_t head_size_ = 0;
  std::vector<BlockWeights> blocks_;
};

}  // namespace azimuth
