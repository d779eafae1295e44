#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/architecture.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// What a tensor is for. `canonical order` (of digests) is the order of this list, block by block.
enum class Role {
  token_embedding,
  position_embedding,
  embedding_norm_weight,
  embedding_norm_bias,
  per_layer_embedding,
  per_layer_projection_weight,
  per_layer_projection_norm_weight,
  stream_projection_weight,
  stream_router_norm_weight,
  stream_router_weight,
  stream_prediction_weight,
  attention_norm_weight,
  attention_norm_bias,
  query_weight,
  query_bias,
  query_gate_weight,
  query_gate_bias,
  key_weight,
  key_bias,
  value_weight,
  value_bias,
  query_key_value_weight,
  query_key_value_bias,
  sink_query_weight,
  sink_query_bias,
  sink_key_weight,
  sink_key_bias,
  sinks,
  latent_query_weight,
  latent_query_bias,
  latent_query_norm_weight,
  latent_query_output_weight,
  latent_weight,
  latent_bias,
  latent_norm_weight,
  latent_key_value_weight,
  latent_key_weight,
  latent_value_weight,
  query_norm_weight,
  query_norm_bias,
  key_norm_weight,
  key_norm_bias,
  output_weight,
  output_bias,
  recurrent_input_weight,
  recurrent_input_bias,
  recurrent_gate_weight,
  recurrent_strength_weight,
  recurrent_decay_weight,
  recurrent_strength_decay_weight,
  recurrent_decay_bias,
  recurrent_decay,
  convolution_weight,
  convolution_bias,
  state_parameters_weight,
  step_norm_weight,
  state_write_norm_weight,
  state_read_norm_weight,
  step_weight,
  step_bias,
  skip,
  recurrent_norm_weight,
  recurrent_output_weight,
  recurrent_output_bias,
  attention_output_norm_weight,
  attention_output_norm_bias,
  low_rank_inner_weight,
  low_rank_output_weight,
  low_rank_norm_weight,
  ffn_norm_weight,
  ffn_norm_bias,
  expert_norm_weight,
  router_norm_weight,
  router_weight,
  router_bias,
  router_choice_bias,
  experts_input_weight,
  experts_input_bias,
  gate_weight,
  gate_bias,
  up_weight,
  up_bias,
  gate_up_weight,
  gate_up_bias,
  down_weight,
  down_bias,
  xielu_alpha_p,
  xielu_alpha_n,
  xielu_beta,
  xielu_eps,
  experts_output_weight,
  experts_output_bias,
  expert_scale,
  expert_output_norm_weight,
  shared_gate_weight,
  shared_up_weight,
  shared_up_bias,
  shared_down_weight,
  shared_down_bias,
  shared_router_weight,
  shared_output_norm_weight,
  ffn_output_norm_weight,
  ffn_output_norm_bias,
  stream_correction_weight,
  stream_output_scale,
  per_layer_gate_weight,
  per_layer_output_weight,
  per_layer_norm_weight,
  block_scale,
  final_norm_weight,
  final_norm_bias,
  head_weight,
  head_bias,
};
std::string_view name_of(Role role);

/// The role of that name. Throws std::invalid_argument, which lists all names, where there is none.
Role role_named(std::string_view name);

/// Names that the tables do not know, mapped by the caller. A pattern is the name of a parameter,
/// with `{}` where the number of the block (from 0, as frameworks count) stands, and a second one
/// for the expert.
///
///     const RoleNames names = {.patterns = {{Role::token_embedding, "tok.weight"},
///                                           {Role::value_weight, "layers.{}.attention.v.weight"}},
///                              .ignored = {"layers.{}.attention.mask"}};
struct RoleNames {
  std::map<Role, std::string> patterns = {};
  /// Parameters in blocks that change nothing of what a block computes: what plays no role there is
  /// refused otherwise.
  std::vector<std::string> ignored = {};
};

/// Holds `names` against all that a source has. Throws std::invalid_argument: for a pattern that
/// matches no parameter, naming the nearest ones; that has too few or too many `{}` for its role;
/// that stands twice; for an ignored parameter that plays a role.
void check_names(const Architecture& architecture, const NamedTensors& tensors,
                 const RoleNames& names);

/// Which tensor plays which role.
struct BoundTensor {
  Role role = Role::token_embedding;
  std::int64_t block = 0;  ///< from 1; 0 for tensors outside the blocks
  /// From 0: which expert of a mixture, head with a norm of its own, or further residual stream.
  std::int64_t member = 0;
  std::size_t tensor = 0;  ///< index into the list that was given
};

/// The role of one parameter by its name (`tensor` is 0), with the table for `architecture` and
/// then `extra`; nothing for one that plays none. Throws std::invalid_argument for an unknown
/// architecture.
std::optional<BoundTensor> role_of(const Architecture& architecture, std::string_view name,
                                   const RoleNames& extra = {});

/// What a tensor without a role means.
enum class Standing {
  idle,    ///< known to play no part: a mask, frequencies of positions
  within,  ///< in a block, or beside an embedding: it may change what is computed, and nobody knows
  outside,  ///< elsewhere: a head of its own, a vision tower
};
/// Of a name that `role_of` has no role for. In a block is what lies beside a parameter that the
/// tables or `extra` have a name for; what `extra` ignores is idle. Throws std::invalid_argument
/// for an unknown architecture.
Standing standing_of(const Architecture& architecture, std::string_view name,
                     const RoleNames& extra = {});

/// A line about the tensors outside the blocks that play no role, with their count and the first
/// names; empty without any. Throws std::invalid_argument, naming the tensor, for one within a
/// block that is not known.
std::string unplaced(const Architecture& architecture, std::span<const NamedTensor> tensors,
                     const RoleNames& extra = {});

/// How many characters all names share that hide every role: the key that a trainer kept its state
/// dict under, "ema.". 0 where a name has a role as it is.
std::size_t hiding_prefix(const Architecture& architecture, std::span<const NamedTensor> tensors,
                          const RoleNames& extra = {});

/// Finds the roles of `tensors` by their names, with the table for `architecture` and then `extra`.
/// In canonical order. Throws std::invalid_argument naming the missing roles, and the parameters
/// without one that are nearest by name.
std::vector<BoundTensor> bind_roles(const Architecture& architecture,
                                    std::span<const NamedTensor> tensors,
                                    const RoleNames& extra = {});

/// Whether it is the matrix of a linear layer: what adapters and methods of quantisation change.
/// Routers are not.
bool is_matrix(Role role);

/// Whether the single-token pass reads a tensor of this role in this block (from 1; 0: outside the
/// blocks); the others only count in the digest.
bool is_read_by_pass(const Architecture& architecture, Role role, std::int64_t block);
inline bool is_read_by_pass(const Architecture& architecture, const BoundTensor& bound) {
  return is_read_by_pass(architecture, bound.role, bound.block);
}

/// Whether it is a table of which a token takes a row alone.
bool is_table_of_tokens(Role role);

}  // namespace azimuth
