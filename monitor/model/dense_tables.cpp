#include "model/role_tables.h"
#include "model/shared_names.h"

namespace azimuth {
namespace {

using namespace names;

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

}  // namespace

std::vector<RoleTable> dense_tables() {
  return {
      {"bloom", {kBloom, kGguf, kGgufEmbeddingNorm}},
      {"falcon", {kFalcon, kGguf}},
      {"gpt2", {kGpt2, kGguf, kGgufPositions}},
      {"gpt_neox", {kGptNeox, kNormsBefore, kGguf}},
      {"llama", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kMetaLlama, kGguf}},
      {"mistral", {kDecoder, kNormsBefore, kAttention, kGatedFfn}},
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
}

}  // namespace azimuth
