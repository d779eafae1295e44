#include "model/role_facts.h"

#include <algorithm>
#include <iterator>

#include "model/enumerators.h"

namespace azimuth {
namespace {

using enum Role;
using enum RoleFacts::Place;
using enum RoleFacts::Kind;

bool always(const Architecture&, std::int64_t) { return true; }
bool never(const Architecture&, std::int64_t) { return false; }

constexpr RoleFacts::Holds read = always;
constexpr RoleFacts::Holds unread = never;
constexpr RoleFacts::Holds required = always;
constexpr RoleFacts::Holds optional = never;

bool with_positions(const Architecture& a, std::int64_t) { return a.learned_positions; }
bool with_embedding_norm(const Architecture& a, std::int64_t) { return a.embedding_norm; }
bool with_attention(const Architecture& a, std::int64_t b) {
  return a.has(MixerKind::attention, b);
}
bool with_gated_queries(const Architecture& a, std::int64_t b) {
  return with_attention(a, b) && a.gated_attention;
}
bool with_delta_rule(const Architecture& a, std::int64_t b) {
  return a.has(MixerKind::delta_rule, b);
}
bool with_own_strengths(const Architecture& a, std::int64_t b) {
  return with_delta_rule(a, b) && !a.delta_rule.strengths_by_key_head();
}
bool with_own_gates(const Architecture& a, std::int64_t b) {
  return with_delta_rule(a, b) && a.delta_rule.layout != DeltaRuleLayout::by_key_head;
}
bool with_strengths_by_key_head(const Architecture& a, std::int64_t b) {
  return with_delta_rule(a, b) && a.delta_rule.strengths_by_key_head();
}
bool with_selective_space(const Architecture& a, std::int64_t b) {
  return a.has(MixerKind::selective_state_space, b);
}
bool with_state_space(const Architecture& a, std::int64_t b) {
  return a.has(MixerKind::state_space, b) || with_selective_space(a, b);
}
bool with_recurrence(const Architecture& a, std::int64_t b) {
  return with_delta_rule(a, b) || with_state_space(a, b) || a.has(MixerKind::short_convolution, b);
}
// A delta rule has none of these.
bool with_biased_recurrence(const Architecture& a, std::int64_t b) {
  return with_recurrence(a, b) && !with_delta_rule(a, b);
}
bool with_decay(const Architecture& a, std::int64_t b) {
  return with_delta_rule(a, b) || with_state_space(a, b);
}
bool with_recurrent_norm(const Architecture& a, std::int64_t b) {
  return with_delta_rule(a, b) || (a.has(MixerKind::state_space, b) && a.state_space.norm);
}
bool with_latent(const Architecture& a, std::int64_t b) {
  return with_attention(a, b) && a.latent.rank > 0;
}
bool with_values(const Architecture& a, std::int64_t b) {
  return with_attention(a, b) && a.latent.rank == 0;
}
bool with_sinks(const Architecture& a, std::int64_t b) {
  return with_values(a, b) && a.attention_sinks;
}
// Queries and keys that sinks make count have roles of their own. Latent attention may have queries
// without a latent vector, and a matrix of their own for keys that turn by position; gated
// attention may have one for queries.
bool with_unread_keys(const Architecture& a, std::int64_t b) {
  if (with_latent(a, b)) return a.latent.rotated_key_size == 0;
  return with_values(a, b) && !a.attention_sinks;
}
bool with_unread_queries(const Architecture& a, std::int64_t b) {
  return with_attention(a, b) && !a.attention_sinks;
}
bool with_keys_as_values(const Architecture& a, std::int64_t b) {
  return with_values(a, b) && a.attention_of(b).keys_are_values;
}
bool with_value_matrix(const Architecture& a, std::int64_t b) {
  return with_values(a, b) && !with_keys_as_values(a, b);
}
// What reads another block's values may hold its own all the same: published files do.
bool with_own_values(const Architecture& a, std::int64_t b) {
  return with_values(a, b) && a.attention_of(b).values_of == 0;
}
bool with_own_value_matrix(const Architecture& a, std::int64_t b) {
  return with_own_values(a, b) && with_value_matrix(a, b);
}
bool with_own_keys_as_values(const Architecture& a, std::int64_t b) {
  return with_own_values(a, b) && with_keys_as_values(a, b);
}
bool with_read_attention_norm(const Architecture& a, std::int64_t b) {
  return !with_values(a, b) || with_own_values(a, b) || a.has(MixerKind::low_rank_residual, b);
}
bool with_low_rank(const Architecture& a, std::int64_t b) {
  return a.has(MixerKind::low_rank_residual, b);
}
bool with_per_layer(const Architecture& a, std::int64_t) { return a.per_layer_size > 0; }
bool with_streams(const Architecture& a, std::int64_t) { return a.streams > 1; }
// Further streams are read by the block behind.
bool with_read_per_layer(const Architecture& a, std::int64_t b) {
  return with_per_layer(a, b) && (a.streams == 1 || b < std::ssize(a.blocks));
}
bool with_read_output_scale(const Architecture& a, std::int64_t b) {
  return a.stream_output_scale && with_read_per_layer(a, b);
}
bool with_block_scale(const Architecture& a, std::int64_t) { return a.block_scale; }
bool with_experts(const Architecture& a, std::int64_t b) { return a.has(MixerKind::experts, b); }
bool with_choice_bias(const Architecture& a, std::int64_t b) {
  return a.routing.choice_bias && with_experts(a, b);
}
bool with_projected_experts(const Architecture& a, std::int64_t b) {
  return a.expert_latent_size > 0 && with_experts(a, b);
}
bool with_shared_expert(const Architecture& a, std::int64_t b) {
  return a.shared_expert && with_experts(a, b);
}
bool with_expert_norms(const Architecture& a, std::int64_t b) {
  return a.expert_norms && with_experts(a, b);
}
bool with_shared_norm(const Architecture& a, std::int64_t b) {
  return a.expert_norms && with_shared_expert(a, b);
}
bool with_shared_gate(const Architecture& a, std::int64_t b) {
  return a.gated_ffn && with_shared_expert(a, b);
}
bool with_shared_router(const Architecture& a, std::int64_t b) {
  return a.shared_expert_gate && with_shared_expert(a, b);
}
bool with_ffn(const Architecture& a, std::int64_t b) {
  return a.has(MixerKind::feed_forward, b) || with_experts(a, b);
}
bool with_gate(const Architecture& a, std::int64_t b) { return with_ffn(a, b) && a.gated_ffn; }
bool with_xielu(const Architecture& a, std::int64_t b) {
  return with_ffn(a, b) && a.activation == Activation::xielu;
}
bool with_norms_before(const Architecture& a, std::int64_t) {
  return a.norm_placement != NormPlacement::after && !a.bare_norms;
}
bool with_norms_after(const Architecture& a) {
  return a.norm_placement != NormPlacement::before && !a.bare_norms;
}
// A block of one mixer has one norm, which is called attention's.
bool with_ffn_norm(const Architecture& a, std::int64_t b) {
  return with_norms_before(a, b) && !a.shared_norm && with_ffn(a, b) && a.plan_of(b).size() > 1;
}
bool with_attention_output_norm(const Architecture& a, std::int64_t b) {
  return with_norms_after(a) && with_attention(a, b);
}
bool with_ffn_output_norm(const Architecture& a, std::int64_t b) {
  return with_norms_after(a) && with_ffn(a, b);
}

// clang-format off
constexpr RoleFacts kFacts[] = {
    {token_embedding, "token_embedding", model, other, read, required, always},
    {position_embedding, "position_embedding", model, other, read, required, with_positions},
    {embedding_norm_weight, "embedding_norm_weight", model, other, read, required, with_embedding_norm},
    {embedding_norm_bias, "embedding_norm_bias", model, other, read, optional, with_embedding_norm},
    {per_layer_embedding, "per_layer_embedding", model, other, read, required, with_per_layer},
    {per_layer_projection_weight, "per_layer_projection_weight", model, matrix, read, required, with_per_layer},
    {per_layer_projection_norm_weight, "per_layer_projection_norm_weight", model, other, read, required, with_per_layer},
    {stream_projection_weight, "stream_projection_weight", stream, matrix, read, required, with_streams},
    {stream_router_norm_weight, "stream_router_norm_weight", block, other, read, required, with_streams},
    {stream_router_weight, "stream_router_weight", block, matrix, read, required, with_streams},
    {stream_prediction_weight, "stream_prediction_weight", block, matrix, read, required, with_streams},
    {attention_norm_weight, "attention_norm_weight", block, other, with_read_attention_norm, with_read_attention_norm, with_norms_before},
    {attention_norm_bias, "attention_norm_bias", block, other, read, optional, with_norms_before},
    {query_weight, "query_weight", block, matrix, unread, optional, with_unread_queries},
    {query_bias, "query_bias", block, other, unread, optional, with_unread_queries},
    {query_gate_weight, "query_gate_weight", block, matrix, read, required, with_gated_queries},
    {query_gate_bias, "query_gate_bias", block, other, read, optional, with_gated_queries},
    {key_weight, "key_weight", block, matrix, with_own_keys_as_values, with_own_keys_as_values, with_unread_keys},
    {key_bias, "key_bias", block, other, with_own_keys_as_values, optional, with_unread_keys},
    {value_weight, "value_weight", block, matrix, with_own_values, with_own_value_matrix, with_value_matrix},
    {value_bias, "value_bias", block, other, with_own_values, optional, with_value_matrix},
    {query_key_value_weight, "query_key_value_weight", block, matrix, read, optional, with_unread_keys},
    {query_key_value_bias, "query_key_value_bias", block, other, read, optional, with_unread_keys},
    {sink_query_weight, "sink_query_weight", block, matrix, read, required, with_sinks},
    {sink_query_bias, "sink_query_bias", block, other, read, optional, with_sinks},
    {sink_key_weight, "sink_key_weight", block, matrix, read, required, with_sinks},
    {sink_key_bias, "sink_key_bias", block, other, read, optional, with_sinks},
    {sinks, "sinks", block, other, read, required, with_sinks},
    {latent_query_weight, "latent_query_weight", block, matrix, unread, optional, with_latent},
    {latent_query_bias, "latent_query_bias", block, other, unread, optional, with_latent},
    {latent_query_norm_weight, "latent_query_norm_weight", block, other, unread, optional, with_latent},
    {latent_query_output_weight, "latent_query_output_weight", block, matrix, unread, optional, with_latent},
    {latent_weight, "latent_weight", block, matrix, read, required, with_latent},
    {latent_bias, "latent_bias", block, other, read, optional, with_latent},
    {latent_norm_weight, "latent_norm_weight", block, other, read, required, with_latent},
    {latent_key_value_weight, "latent_key_value_weight", block, matrix, read, required, with_latent},
    {latent_key_weight, "latent_key_weight", block, matrix, unread, optional, with_latent},
    {latent_value_weight, "latent_value_weight", block, matrix, read, optional, with_latent},
    {query_norm_weight, "query_norm_weight", block, other, unread, optional, with_attention},
    {query_norm_bias, "query_norm_bias", block, other, unread, optional, with_attention},
    {key_norm_weight, "key_norm_weight", block, other, unread, optional, with_attention},
    {key_norm_bias, "key_norm_bias", block, other, unread, optional, with_attention},
    {output_weight, "output_weight", block, matrix, read, required, with_attention},
    {output_bias, "output_bias", block, other, read, optional, with_attention},
    {recurrent_input_weight, "recurrent_input_weight", block, matrix, read, required, with_recurrence},
    {recurrent_input_bias, "recurrent_input_bias", block, other, read, optional, with_biased_recurrence},
    {recurrent_gate_weight, "recurrent_gate_weight", block, matrix, read, required, with_own_gates},
    {recurrent_strength_weight, "recurrent_strength_weight", block, matrix, read, required, with_own_strengths},
    {recurrent_decay_weight, "recurrent_decay_weight", block, matrix, unread, optional, with_own_strengths},
    {recurrent_strength_decay_weight, "recurrent_strength_decay_weight", block, matrix, read, required, with_strengths_by_key_head},
    {recurrent_decay_bias, "recurrent_decay_bias", block, other, unread, optional, with_delta_rule},
    {recurrent_decay, "recurrent_decay", block, other, unread, optional, with_decay},
    {convolution_weight, "convolution_weight", block, other, read, required, with_recurrence},
    {convolution_bias, "convolution_bias", block, other, read, optional, with_biased_recurrence},
    {state_parameters_weight, "state_parameters_weight", block, matrix, read, required, with_selective_space},
    {step_norm_weight, "step_norm_weight", block, other, read, required, with_selective_space},
    {state_write_norm_weight, "state_write_norm_weight", block, other, read, required, with_selective_space},
    {state_read_norm_weight, "state_read_norm_weight", block, other, read, required, with_selective_space},
    {step_weight, "step_weight", block, matrix, read, required, with_selective_space},
    {step_bias, "step_bias", block, other, read, required, with_state_space},
    {skip, "skip", block, other, read, required, with_state_space},
    {recurrent_norm_weight, "recurrent_norm_weight", block, other, read, required, with_recurrent_norm},
    {recurrent_output_weight, "recurrent_output_weight", block, matrix, read, required, with_recurrence},
    {recurrent_output_bias, "recurrent_output_bias", block, other, read, optional, with_biased_recurrence},
    {attention_output_norm_weight, "attention_output_norm_weight", block, other, read, required, with_attention_output_norm},
    {attention_output_norm_bias, "attention_output_norm_bias", block, other, read, optional, with_attention_output_norm},
    {low_rank_inner_weight, "low_rank_inner_weight", block, matrix, read, required, with_low_rank},
    {low_rank_output_weight, "low_rank_output_weight", block, matrix, read, required, with_low_rank},
    {low_rank_norm_weight, "low_rank_norm_weight", block, other, read, required, with_low_rank},
    {ffn_norm_weight, "ffn_norm_weight", block, other, read, required, with_ffn_norm},
    {ffn_norm_bias, "ffn_norm_bias", block, other, read, optional, with_ffn_norm},
    {expert_norm_weight, "expert_norm_weight", block, other, read, required, with_expert_norms},
    {router_norm_weight, "router_norm_weight", block, other, read, required, with_expert_norms},
    {router_weight, "router_weight", block, other, read, required, with_experts},
    {router_bias, "router_bias", block, other, read, optional, with_experts},
    {router_choice_bias, "router_choice_bias", block, other, read, required, with_choice_bias},
    {experts_input_weight, "experts_input_weight", block, matrix, read, required, with_projected_experts},
    {experts_input_bias, "experts_input_bias", block, other, read, optional, with_projected_experts},
    {gate_weight, "gate_weight", expert, matrix, read, required, with_gate},
    {gate_bias, "gate_bias", expert, other, read, optional, with_gate},
    {up_weight, "up_weight", expert, matrix, read, required, with_ffn},
    {up_bias, "up_bias", expert, other, read, optional, with_ffn},
    {gate_up_weight, "gate_up_weight", expert, matrix, read, optional, with_gate},
    {gate_up_bias, "gate_up_bias", expert, other, read, optional, with_gate},
    {down_weight, "down_weight", expert, matrix, read, required, with_ffn},
    {down_bias, "down_bias", expert, other, read, optional, with_ffn},
    {xielu_alpha_p, "xielu_alpha_p", block, other, read, required, with_xielu},
    {xielu_alpha_n, "xielu_alpha_n", block, other, read, required, with_xielu},
    {xielu_beta, "xielu_beta", block, other, read, required, with_xielu},
    {xielu_eps, "xielu_eps", block, other, read, required, with_xielu},
    {experts_output_weight, "experts_output_weight", block, matrix, read, required, with_projected_experts},
    {experts_output_bias, "experts_output_bias", block, other, read, optional, with_projected_experts},
    {expert_scale, "expert_scale", block, other, read, required, with_expert_norms},
    {expert_output_norm_weight, "expert_output_norm_weight", block, other, read, required, with_expert_norms},
    {shared_gate_weight, "shared_gate_weight", block, matrix, read, required, with_shared_gate},
    {shared_up_weight, "shared_up_weight", block, matrix, read, required, with_shared_expert},
    {shared_up_bias, "shared_up_bias", block, other, read, optional, with_shared_expert},
    {shared_down_weight, "shared_down_weight", block, matrix, read, required, with_shared_expert},
    {shared_down_bias, "shared_down_bias", block, other, read, optional, with_shared_expert},
    {shared_router_weight, "shared_router_weight", block, other, read, required, with_shared_router},
    {shared_output_norm_weight, "shared_output_norm_weight", block, other, read, required, with_shared_norm},
    {ffn_output_norm_weight, "ffn_output_norm_weight", block, other, read, required, with_ffn_output_norm},
    {ffn_output_norm_bias, "ffn_output_norm_bias", block, other, read, optional, with_ffn_output_norm},
    {stream_correction_weight, "stream_correction_weight", block, matrix, read, required, with_streams},
    {stream_output_scale, "stream_output_scale", block, other, with_read_output_scale, optional, with_streams},
    {per_layer_gate_weight, "per_layer_gate_weight", block, matrix, with_read_per_layer, with_read_per_layer, with_per_layer},
    {per_layer_output_weight, "per_layer_output_weight", block, matrix, with_read_per_layer, with_read_per_layer, with_per_layer},
    {per_layer_norm_weight, "per_layer_norm_weight", block, other, with_read_per_layer, with_read_per_layer, with_per_layer},
    {block_scale, "block_scale", block, other, read, required, with_block_scale},
    {final_norm_weight, "final_norm_weight", model, other, unread, optional, always},
    {final_norm_bias, "final_norm_bias", model, other, unread, optional, always},
    {head_weight, "head_weight", model, other, unread, optional, always},
    {head_bias, "head_bias", model, other, unread, optional, always},
};
// clang-format on

constexpr bool is_in_order(std::span<const RoleFacts> facts) {
  return std::ranges::all_of(
      facts, [&](const RoleFacts& f) { return &f == &facts[static_cast<std::size_t>(f.role)]; });
}
static_assert(is_in_order(kFacts), "the rows must stand in the order of Role");
static_assert(!is_enumerator<static_cast<Role>(std::size(kFacts))>(), "a role has no row");

}  // namespace

std::span<const RoleFacts> role_facts() { return kFacts; }

std::int64_t members(const Architecture& architecture, const RoleFacts& facts, std::int64_t block) {
  switch (facts.place) {
    case stream:
      return architecture.streams - 1;
    case expert:
      return architecture.has(MixerKind::experts, block) ? architecture.experts : 1;
    default:
      return 1;
  }
}

}  // namespace azimuth
