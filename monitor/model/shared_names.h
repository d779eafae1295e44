#pragma once

#include "model/role_tables.h"

/// Names that several families share.
namespace azimuth::names {

using enum Role;

// Hugging Face's names. What frameworks put before them is taken off by bind_roles.
inline constexpr ModuleName kDecoder[] = {
    {"embed_tokens", token_embedding},
    {"norm", final_norm_weight, final_norm_bias},
    {"lm_head", head_weight, head_bias},
};
inline constexpr ModuleName kNormsBefore[] = {
    {"layers.{}.input_layernorm", attention_norm_weight, attention_norm_bias},
    {"layers.{}.post_attention_layernorm", ffn_norm_weight, ffn_norm_bias},
};
inline constexpr ModuleName kNormsAfter[] = {
    {"layers.{}.post_attention_layernorm", attention_output_norm_weight},
    {"layers.{}.post_feedforward_layernorm", ffn_output_norm_weight},
};
inline constexpr ModuleName kNormsSandwich[] = {
    {"layers.{}.input_layernorm", attention_norm_weight},
    {"layers.{}.post_attention_layernorm", attention_output_norm_weight},
    {"layers.{}.pre_feedforward_layernorm", ffn_norm_weight},
    {"layers.{}.post_feedforward_layernorm", ffn_output_norm_weight},
};
inline constexpr ModuleName kAttention[] = {
    {"layers.{}.self_attn.q_proj", query_weight, query_bias},
    {"layers.{}.self_attn.k_proj", key_weight, key_bias},
    {"layers.{}.self_attn.v_proj", value_weight, value_bias},
    {"layers.{}.self_attn.o_proj", output_weight, output_bias},
};
inline constexpr ModuleName kQueryKeyNorms[] = {
    {"layers.{}.self_attn.q_norm", query_norm_weight},
    {"layers.{}.self_attn.k_norm", key_norm_weight},
};
inline constexpr ModuleName kGatedFfn[] = {
    {"layers.{}.mlp.gate_proj", gate_weight, gate_bias},
    {"layers.{}.mlp.up_proj", up_weight, up_bias},
    {"layers.{}.mlp.down_proj", down_weight, down_bias},
};

inline constexpr ModuleName kExperts[] = {
    {"layers.{}.mlp.gate", router_weight},
    {"layers.{}.mlp.experts.{}.gate_proj", gate_weight},
    {"layers.{}.mlp.experts.{}.up_proj", up_weight},
    {"layers.{}.mlp.experts.{}.down_proj", down_weight},
};
// Of DeepSeek and those after it.
inline constexpr ModuleName kSharedExperts[] = {
    parameter("layers.{}.mlp.gate.e_score_correction_bias", router_choice_bias),
    {"layers.{}.mlp.shared_experts.gate_proj", shared_gate_weight},
    {"layers.{}.mlp.shared_experts.up_proj", shared_up_weight},
    {"layers.{}.mlp.shared_experts.down_proj", shared_down_weight},
};
// Of DeepSeek, and those that have its attention.
inline constexpr ModuleName kLatentAttention[] = {
    {"layers.{}.self_attn.q_proj", query_weight, query_bias},
    {"layers.{}.self_attn.q_a_proj", latent_query_weight, latent_query_bias},
    {"layers.{}.self_attn.q_a_layernorm", latent_query_norm_weight},
    {"layers.{}.self_attn.q_b_proj", latent_query_output_weight},
    {"layers.{}.self_attn.kv_a_proj_with_mqa", latent_weight, latent_bias},
    {"layers.{}.self_attn.kv_a_layernorm", latent_norm_weight},
    {"layers.{}.self_attn.kv_b_proj", latent_key_value_weight},
    {"layers.{}.self_attn.o_proj", output_weight, output_bias},
};
// Of Qwen 2 and those after it.
inline constexpr ModuleName kGatedSharedExpert[] = {
    {"layers.{}.mlp.shared_expert.gate_proj", shared_gate_weight},
    {"layers.{}.mlp.shared_expert.up_proj", shared_up_weight},
    {"layers.{}.mlp.shared_expert.down_proj", shared_down_weight},
    {"layers.{}.mlp.shared_expert_gate", shared_router_weight},
};

// LLaMA's own names, as Meta wrote them.
inline constexpr ModuleName kMetaLlama[] = {
    {"tok_embeddings", token_embedding},
    {"layers.{}.attention_norm", attention_norm_weight},
    {"layers.{}.attention.wq", query_weight},
    {"layers.{}.attention.wk", key_weight},
    {"layers.{}.attention.wv", value_weight},
    {"layers.{}.attention.wo", output_weight},
    {"layers.{}.ffn_norm", ffn_norm_weight},
    {"layers.{}.feed_forward.w1", gate_weight},
    {"layers.{}.feed_forward.w3", up_weight},
    {"layers.{}.feed_forward.w2", down_weight},
    {"output", head_weight},
};

// GGUF has one set of names for all families; these are what most have, then what some have.
inline constexpr ModuleName kGguf[] = {
    {"token_embd", token_embedding},
    {"blk.{}.attn_norm", attention_norm_weight, attention_norm_bias},
    {"blk.{}.attn_q", query_weight, query_bias},
    {"blk.{}.attn_k", key_weight, key_bias},
    {"blk.{}.attn_v", value_weight, value_bias},
    {"blk.{}.attn_qkv", query_key_value_weight, query_key_value_bias},
    {"blk.{}.attn_output", output_weight, output_bias},
    {"blk.{}.ffn_norm", ffn_norm_weight, ffn_norm_bias},
    {"blk.{}.ffn_gate", gate_weight, gate_bias},
    {"blk.{}.ffn_up", up_weight, up_bias},
    {"blk.{}.ffn_down", down_weight, down_bias},
    {"output_norm", final_norm_weight, final_norm_bias},
    {"output", head_weight, head_bias},
};
inline constexpr ModuleName kGgufPositions[] = {
    {"position_embd", position_embedding},
};
inline constexpr ModuleName kGgufEmbeddingNorm[] = {
    {"token_embd_norm", embedding_norm_weight, embedding_norm_bias},
};
inline constexpr ModuleName kGgufQueryKeyNorms[] = {
    {"blk.{}.attn_q_norm", query_norm_weight, query_norm_bias},
    {"blk.{}.attn_k_norm", key_norm_weight, key_norm_bias},
};
inline constexpr ModuleName kGgufNormsAfter[] = {
    {"blk.{}.post_attention_norm", attention_output_norm_weight},
    {"blk.{}.post_ffw_norm", ffn_output_norm_weight},
};
inline constexpr ModuleName kGgufLatentAttention[] = {
    {"blk.{}.attn_q_a", latent_query_weight, latent_query_bias},
    {"blk.{}.attn_q_a_norm", latent_query_norm_weight},
    {"blk.{}.attn_q_b", latent_query_output_weight},
    {"blk.{}.attn_kv_a_mqa", latent_weight, latent_bias},
    {"blk.{}.attn_kv_a_norm", latent_norm_weight},
    {"blk.{}.attn_kv_b", latent_key_value_weight},
    {"blk.{}.attn_k_b", latent_key_weight},
    {"blk.{}.attn_v_b", latent_value_weight},
};
// Of families that call the FFN's norm what others call one behind attention.
inline constexpr ModuleName kGgufNormBetween[] = {
    {"blk.{}.post_attention_norm", ffn_norm_weight},
};
inline constexpr ModuleName kGgufExperts[] = {
    {"blk.{}.ffn_gate_inp", router_weight},
    {"blk.{}.ffn_gate.{}", gate_weight},
    {"blk.{}.ffn_up.{}", up_weight},
    {"blk.{}.ffn_down.{}", down_weight},
};
inline constexpr ModuleName kGgufSharedExperts[] = {
    parameter("blk.{}.exp_probs_b.bias", router_choice_bias),
    {"blk.{}.ffn_gate_inp_shexp", shared_router_weight},
    {"blk.{}.ffn_gate_shexp", shared_gate_weight},
    {"blk.{}.ffn_up_shexp", shared_up_weight},
    {"blk.{}.ffn_down_shexp", shared_down_weight},
};
// Stands before kGguf, which has the same name for less.
inline constexpr ModuleName kGgufGateUp[] = {
    {"blk.{}.ffn_up", gate_up_weight},
};

}  // namespace azimuth::names
