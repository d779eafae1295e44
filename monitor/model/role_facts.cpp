#include "model/role_facts.h"

#include <algorithm>
#include <iterator>

#include "model/enumerators.h"

namespace azimuth {
namespace {

using enum Role;
using enum RoleFacts::Place;
using enum RoleFacts::Kind;

constexpr bool read = true;
constexpr bool unread = false;

bool never(const Architecture&) { return false; }
bool always(const Architecture&) { return true; }
bool with_positions(const Architecture& a) { return a.learned_positions; }
bool with_embedding_norm(const Architecture& a) { return a.embedding_norm; }
bool with_norms_before(const Architecture& a) { return a.norm_placement != NormPlacement::after; }
bool with_norms_after(const Architecture& a) { return a.norm_placement != NormPlacement::before; }
bool with_own_ffn_norm(const Architecture& a) { return with_norms_before(a) && !a.shared_norm; }
bool with_gate(const Architecture& a) { return a.gated_ffn; }
bool with_experts(const Architecture& a) { return a.experts > 0; }

// clang-format off
constexpr RoleFacts kFacts[] = {
    {token_embedding, "token_embedding", model, other, read, always},
    {position_embedding, "position_embedding", model, other, read, with_positions},
    {embedding_norm_weight, "embedding_norm_weight", model, other, read, with_embedding_norm},
    {embedding_norm_bias, "embedding_norm_bias", model, other, read, never},
    {attention_norm_weight, "attention_norm_weight", block, other, read, with_norms_before},
    {attention_norm_bias, "attention_norm_bias", block, other, read, never},
    {query_weight, "query_weight", block, matrix, unread, never},
    {query_bias, "query_bias", block, other, unread, never},
    {key_weight, "key_weight", block, matrix, unread, never},
    {key_bias, "key_bias", block, other, unread, never},
    {value_weight, "value_weight", block, matrix, read, always},
    {value_bias, "value_bias", block, other, read, never},
    {query_key_value_weight, "query_key_value_weight", block, matrix, read, never},
    {query_key_value_bias, "query_key_value_bias", block, other, read, never},
    {query_norm_weight, "query_norm_weight", block, other, unread, never},
    {query_norm_bias, "query_norm_bias", block, other, unread, never},
    {key_norm_weight, "key_norm_weight", block, other, unread, never},
    {key_norm_bias, "key_norm_bias", block, other, unread, never},
    {output_weight, "output_weight", block, matrix, read, always},
    {output_bias, "output_bias", block, other, read, never},
    {attention_output_norm_weight, "attention_output_norm_weight", block, other, read, with_norms_after},
    {attention_output_norm_bias, "attention_output_norm_bias", block, other, read, never},
    {ffn_norm_weight, "ffn_norm_weight", block, other, read, with_own_ffn_norm},
    {ffn_norm_bias, "ffn_norm_bias", block, other, read, never},
    {router_weight, "router_weight", block, other, read, with_experts},
    {gate_weight, "gate_weight", expert, matrix, read, with_gate},
    {gate_bias, "gate_bias", block, other, read, never},
    {up_weight, "up_weight", expert, matrix, read, always},
    {up_bias, "up_bias", block, other, read, never},
    {gate_up_weight, "gate_up_weight", block, matrix, read, never},
    {down_weight, "down_weight", expert, matrix, read, always},
    {down_bias, "down_bias", block, other, read, never},
    {ffn_output_norm_weight, "ffn_output_norm_weight", block, other, read, with_norms_after},
    {ffn_output_norm_bias, "ffn_output_norm_bias", block, other, read, never},
    {final_norm_weight, "final_norm_weight", model, other, unread, never},
    {final_norm_bias, "final_norm_bias", model, other, unread, never},
    {head_weight, "head_weight", model, other, unread, never},
    {head_bias, "head_bias", model, other, unread, never},
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

bool is_left_out(Role role, const Architecture& architecture) {
  const RoleFacts& facts = facts_of(role);
  return facts.is_required != never && !facts.is_required(architecture);
}

}  // namespace azimuth
