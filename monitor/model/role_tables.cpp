#include "model/role_tables.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "model/near_names.h"

namespace azimuth {
namespace {

using enum Role;

// Hugging Face's names. What frameworks put before them is taken off by bind_roles.
constexpr ModuleName kDecoder[] = {
    {"embed_tokens", token_embedding},
    {"norm", final_norm_weight, final_norm_bias},
    {"lm_head", head_weight, head_bias},
};
constexpr ModuleName kNormsBefore[] = {
    {"layers.{}.input_layernorm", attention_norm_weight, attention_norm_bias},
    {"layers.{}.post_attention_layernorm", ffn_norm_weight, ffn_norm_bias},
};
constexpr ModuleName kNormsAfter[] = {
    {"layers.{}.post_attention_layernorm", attention_output_norm_weight},
    {"layers.{}.post_feedforward_layernorm", ffn_output_norm_weight},
};
constexpr ModuleName kNormsSandwich[] = {
    {"layers.{}.input_layernorm", attention_norm_weight},
    {"layers.{}.post_attention_layernorm", attention_output_norm_weight},
    {"layers.{}.pre_feedforward_layernorm", ffn_norm_weight},
    {"layers.{}.post_feedforward_layernorm", ffn_output_norm_weight},
};
constexpr ModuleName kAttention[] = {
    {"layers.{}.self_attn.q_proj", query_weight, query_bias},
    {"layers.{}.self_attn.k_proj", key_weight, key_bias},
    {"layers.{}.self_attn.v_proj", value_weight, value_bias},
    {"layers.{}.self_attn.o_proj", output_weight, output_bias},
};
constexpr ModuleName kQueryKeyNorms[] = {
    {"layers.{}.self_attn.q_norm", query_norm_weight},
    {"layers.{}.self_attn.k_norm", key_norm_weight},
};
constexpr ModuleName kGatedFfn[] = {
    {"layers.{}.mlp.gate_proj", gate_weight, gate_bias},
    {"layers.{}.mlp.up_proj", up_weight, up_bias},
    {"layers.{}.mlp.down_proj", down_weight, down_bias},
};

// LLaMA's own names, as Meta wrote them.
constexpr ModuleName kMetaLlama[] = {
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
constexpr ModuleName kGguf[] = {
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
constexpr ModuleName kGgufPositions[] = {
    {"position_embd", position_embedding},
};
constexpr ModuleName kGgufEmbeddingNorm[] = {
    {"token_embd_norm", embedding_norm_weight, embedding_norm_bias},
};
constexpr ModuleName kGgufQueryKeyNorms[] = {
    {"blk.{}.attn_q_norm", query_norm_weight, query_norm_bias},
    {"blk.{}.attn_k_norm", key_norm_weight, key_norm_bias},
};
constexpr ModuleName kGgufNormsAfter[] = {
    {"blk.{}.post_attention_norm", attention_output_norm_weight},
    {"blk.{}.post_ffw_norm", ffn_output_norm_weight},
};
constexpr ModuleName kGgufExperts[] = {
    {"blk.{}.ffn_gate_inp", router_weight},
    {"blk.{}.ffn_gate.{}", gate_weight},
    {"blk.{}.ffn_up.{}", up_weight},
    {"blk.{}.ffn_down.{}", down_weight},
};
// Of Phi-3: stands before kGguf, which has the same name for less.
constexpr ModuleName kGgufGateUp[] = {
    {"blk.{}.ffn_up", gate_up_weight},
};

constexpr ModuleName kBloom[] = {
    {"word_embeddings", token_embedding},
    {"word_embeddings_layernorm", embedding_norm_weight, embedding_norm_bias},
    {"h.{}.input_layernorm", attention_norm_weight, attention_norm_bias},
    {"h.{}.self_attention.query_key_value", query_key_value_weight, query_key_value_bias},
    {"h.{}.self_attention.dense", output_weight, output_bias},
    {"h.{}.post_attention_layernorm", ffn_norm_weight, ffn_norm_bias},
    {"h.{}.mlp.dense_h_to_4h", up_weight, up_bias},
    {"h.{}.mlp.dense_4h_to_h", down_weight, down_bias},
    {"ln_f", final_norm_weight, final_norm_bias},
    {"lm_head", head_weight},
};

constexpr ModuleName kFalcon[] = {
    {"word_embeddings", token_embedding},
    {"h.{}.input_layernorm", attention_norm_weight, attention_norm_bias},
    {"h.{}.ln_attn", attention_norm_weight, attention_norm_bias},
    {"h.{}.self_attention.query_key_value", query_key_value_weight, query_key_value_bias},
    {"h.{}.self_attention.dense", output_weight, output_bias},
    {"h.{}.post_attention_layernorm", ffn_norm_weight, ffn_norm_bias},
    {"h.{}.ln_mlp", ffn_norm_weight, ffn_norm_bias},
    {"h.{}.mlp.dense_h_to_4h", up_weight, up_bias},
    {"h.{}.mlp.dense_4h_to_h", down_weight, down_bias},
    {"ln_f", final_norm_weight, final_norm_bias},
    {"lm_head", head_weight},
};

// Hugging Face and nanoGPT share these; without the prefix they are the checkpoint's own.
constexpr ModuleName kGpt2[] = {
    {"wte", token_embedding},
    {"wpe", position_embedding},
    {"h.{}.ln_1", attention_norm_weight, attention_norm_bias},
    {"h.{}.attn.c_attn", query_key_value_weight, query_key_value_bias},
    {"h.{}.attn.c_proj", output_weight, output_bias},
    {"h.{}.ln_2", ffn_norm_weight, ffn_norm_bias},
    {"h.{}.mlp.c_fc", up_weight, up_bias},
    {"h.{}.mlp.c_proj", down_weight, down_bias},
    {"ln_f", final_norm_weight, final_norm_bias},
    {"lm_head", head_weight},
};

constexpr ModuleName kGptNeox[] = {
    {"embed_in", token_embedding},
    {"layers.{}.attention.query_key_value", query_key_value_weight, query_key_value_bias},
    {"layers.{}.attention.dense", output_weight, output_bias},
    {"layers.{}.mlp.dense_h_to_4h", up_weight, up_bias},
    {"layers.{}.mlp.dense_4h_to_h", down_weight, down_bias},
    {"final_layer_norm", final_norm_weight, final_norm_bias},
    {"embed_out", head_weight},
};

constexpr ModuleName kMixtralExperts[] = {
    {"layers.{}.block_sparse_moe.gate", router_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w1", gate_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w3", up_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w2", down_weight},
    // Of Transformers 5, whose files hold all experts of a block in one tensor.
    {"layers.{}.mlp.gate", router_weight},
    {"layers.{}.mlp.experts.{}.gate_proj", gate_weight},
    {"layers.{}.mlp.experts.{}.up_proj", up_weight},
    {"layers.{}.mlp.experts.{}.down_proj", down_weight},
};

constexpr ModuleName kMpt[] = {
    {"wte", token_embedding},
    {"blocks.{}.norm_1", attention_norm_weight, attention_norm_bias},
    {"blocks.{}.attn.Wqkv", query_key_value_weight, query_key_value_bias},
    {"blocks.{}.attn.out_proj", output_weight, output_bias},
    {"blocks.{}.norm_2", ffn_norm_weight, ffn_norm_bias},
    {"blocks.{}.ffn.up_proj", up_weight, up_bias},
    {"blocks.{}.ffn.down_proj", down_weight, down_bias},
    {"norm_f", final_norm_weight, final_norm_bias},
    {"lm_head", head_weight},
};

constexpr ModuleName kOpt[] = {
    {"embed_tokens", token_embedding},
    {"embed_positions", position_embedding},
    {"layers.{}.self_attn_layer_norm", attention_norm_weight, attention_norm_bias},
    {"layers.{}.self_attn.q_proj", query_weight, query_bias},
    {"layers.{}.self_attn.k_proj", key_weight, key_bias},
    {"layers.{}.self_attn.v_proj", value_weight, value_bias},
    {"layers.{}.self_attn.out_proj", output_weight, output_bias},
    {"layers.{}.final_layer_norm", ffn_norm_weight, ffn_norm_bias},
    {"layers.{}.fc1", up_weight, up_bias},
    {"layers.{}.fc2", down_weight, down_bias},
    {"final_layer_norm", final_norm_weight, final_norm_bias},
    {"lm_head", head_weight},
};

constexpr ModuleName kPhi[] = {
    {"layers.{}.self_attn.dense", output_weight, output_bias},
    {"layers.{}.self_attn.q_layernorm", query_norm_weight, query_norm_bias},
    {"layers.{}.self_attn.k_layernorm", key_norm_weight, key_norm_bias},
    {"layers.{}.mlp.fc1", up_weight, up_bias},
    {"layers.{}.mlp.fc2", down_weight, down_bias},
    {"final_layernorm", final_norm_weight, final_norm_bias},
};

constexpr ModuleName kPhi3[] = {
    {"layers.{}.self_attn.qkv_proj", query_key_value_weight},
    {"layers.{}.mlp.gate_up_proj", gate_up_weight},
};

constexpr ModuleName kStablelmNorms[] = {
    {"layers.{}.self_attn.q_layernorm.norms.{}", query_norm_weight},
    {"layers.{}.self_attn.k_layernorm.norms.{}", key_norm_weight},
};

constexpr ModuleName kStarcoder2Ffn[] = {
    {"layers.{}.mlp.c_fc", up_weight, up_bias},
    {"layers.{}.mlp.c_proj", down_weight, down_bias},
};

constexpr std::string_view kRotation = "positions alone: one token is not rotated against another";
constexpr std::string_view kMask = "a mask: one token sees itself";
constexpr IdleName kIdle[] = {
    {"", "layers.{}.self_attn.rotary_emb.inv_freq", kRotation},
    {"", "layers.{}.attention.rotary_emb.inv_freq", kRotation},
    {"", "layers.{}.attention.inner_attention.rope.freqs", kRotation},
    {"", "blk.{}.attn_rot_embd.weight", kRotation},
    {"", "rope_freqs.weight", kRotation},
    {"", "rope_factors_long.weight", kRotation},
    {"", "rope_factors_short.weight", kRotation},
    {"falcon", "h.{}.self_attention.maybe_rotary.inv_freq", kRotation},
    {"falcon", "h.{}.self_attention.rotary_emb.inv_freq", kRotation},
    {"gpt2", "h.{}.attn.bias", kMask},
    {"gpt2", "h.{}.attn.masked_bias", kMask},
    {"gpt_neox", "layers.{}.attention.bias", kMask},
    {"gpt_neox", "layers.{}.attention.masked_bias", kMask},
};

}  // namespace

std::span<const IdleName> idle_names() { return kIdle; }

std::span<const RoleTable> role_tables() {
  static const std::vector<RoleTable> tables = {
      {"bloom", {kBloom, kGguf, kGgufEmbeddingNorm}},
      {"falcon", {kFalcon, kGguf}},
      {"gemma2", {kDecoder, kNormsSandwich, kAttention, kGatedFfn, kGguf, kGgufNormsAfter}},
      {"gemma3_text",
       {kDecoder, kNormsSandwich, kAttention, kQueryKeyNorms, kGatedFfn, kGguf, kGgufNormsAfter,
        kGgufQueryKeyNorms}},
      {"gpt2", {kGpt2, kGguf, kGgufPositions}},
      {"gpt_neox", {kGptNeox, kNormsBefore, kGguf}},
      {"llama", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kMetaLlama, kGguf}},
      {"mistral", {kDecoder, kNormsBefore, kAttention, kGatedFfn}},
      {"mixtral", {kDecoder, kNormsBefore, kAttention, kMixtralExperts, kGguf, kGgufExperts}},
      {"mpt", {kMpt, kGguf, kGgufPositions, kGgufQueryKeyNorms}},
      {"olmo2",
       {kDecoder, kNormsAfter, kAttention, kQueryKeyNorms, kGatedFfn, kGguf, kGgufNormsAfter,
        kGgufQueryKeyNorms}},
      {"opt", {kOpt}},
      {"phi", {kDecoder, kNormsBefore, kAttention, kPhi, kGguf}},
      {"phi3", {kDecoder, kNormsBefore, kAttention, kPhi3, kGatedFfn, kGgufGateUp, kGguf}},
      {"qwen2", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kGguf}},
      {"qwen3",
       {kDecoder, kNormsBefore, kAttention, kQueryKeyNorms, kGatedFfn, kGguf, kGgufQueryKeyNorms}},
      {"stablelm",
       {kDecoder, kNormsBefore, kAttention, kStablelmNorms, kGatedFfn, kGguf, kGgufQueryKeyNorms}},
      {"starcoder2", {kDecoder, kNormsBefore, kAttention, kStarcoder2Ffn, kGguf}},
  };
  return tables;
}

const RoleTable& table_of(const Architecture& architecture) {
  const auto tables = role_tables();
  const auto found = std::ranges::find(tables, architecture.name, &RoleTable::architecture);
  if (found != tables.end()) return *found;
  throw std::invalid_argument("unknown architecture '" + architecture.name + "'; known are " +
                              joined(Architecture::known()));
}

}  // namespace azimuth
