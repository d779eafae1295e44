#include "model/role_tables.h"
#include "model/shared_names.h"

namespace azimuth {
namespace {

using namespace names;

constexpr ModuleName kApertus[] = {
    {"layers.{}.attention_layernorm", attention_norm_weight},
    {"layers.{}.feedforward_layernorm", ffn_norm_weight},
    parameter("layers.{}.mlp.act_fn.alpha_p", xielu_alpha_p),
    parameter("layers.{}.mlp.act_fn.alpha_n", xielu_alpha_n),
    parameter("layers.{}.mlp.act_fn.beta", xielu_beta),
    parameter("layers.{}.mlp.act_fn.eps", xielu_eps),
};

// Numbers of the metadata, under names that their reader gives them.
constexpr ModuleName kGgufXielu[] = {
    parameter("blk.{}.xielu.alpha_p", xielu_alpha_p),
    parameter("blk.{}.xielu.alpha_n", xielu_alpha_n),
    parameter("blk.{}.xielu.beta", xielu_beta),
    parameter("blk.{}.xielu.eps", xielu_eps),
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

constexpr ModuleName kGptJ[] = {
    {"wte", token_embedding},
    {"h.{}.ln_1", attention_norm_weight, attention_norm_bias},
    {"h.{}.attn.q_proj", query_weight},
    {"h.{}.attn.k_proj", key_weight},
    {"h.{}.attn.v_proj", value_weight},
    {"h.{}.attn.out_proj", output_weight},
    {"h.{}.mlp.fc_in", up_weight, up_bias},
    {"h.{}.mlp.fc_out", down_weight, down_bias},
    {"ln_f", final_norm_weight, final_norm_bias},
    {"lm_head", head_weight, head_bias},
};

constexpr ModuleName kGptNeo[] = {
    {"wte", token_embedding},
    {"wpe", position_embedding},
    {"h.{}.ln_1", attention_norm_weight, attention_norm_bias},
    {"h.{}.attn.attention.q_proj", query_weight},
    {"h.{}.attn.attention.k_proj", key_weight},
    {"h.{}.attn.attention.v_proj", value_weight},
    {"h.{}.attn.attention.out_proj", output_weight, output_bias},
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

// Of GLM 4, which calls the FFN's norm what others call attention's.
constexpr ModuleName kGlm4Norms[] = {
    {"layers.{}.input_layernorm", attention_norm_weight},
    {"layers.{}.post_self_attn_layernorm", attention_output_norm_weight},
    {"layers.{}.post_attention_layernorm", ffn_norm_weight},
    {"layers.{}.post_mlp_layernorm", ffn_output_norm_weight},
};

constexpr ModuleName kHunyuanNorms[] = {
    {"layers.{}.self_attn.query_layernorm", query_norm_weight},
    {"layers.{}.self_attn.key_layernorm", key_norm_weight},
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

constexpr ModuleName kPlainFfn[] = {
    {"layers.{}.mlp.up_proj", up_weight, up_bias},
    {"layers.{}.mlp.down_proj", down_weight, down_bias},
};

constexpr ModuleName kPhi3[] = {
    {"layers.{}.self_attn.qkv_proj", query_key_value_weight},
};

constexpr ModuleName kGateUp[] = {
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
      {"apertus",
       {kDecoder, kApertus, kAttention, kQueryKeyNorms, kPlainFfn, kGguf, kGgufQueryKeyNorms,
        kGgufXielu}},
      {"arcee", {kDecoder, kNormsBefore, kAttention, kPlainFfn, kGguf}},
      {"bloom", {kBloom, kGguf, kGgufEmbeddingNorm}},
      {"cohere",
       {kDecoder, kNormsBefore, kAttention, kQueryKeyNorms, kGatedFfn, kGguf, kGgufQueryKeyNorms}},
      {"cohere2", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kGguf}},
      {"ernie4_5", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kGguf}},
      {"exaone4",
       {kDecoder, kNormsAfter, kAttention, kQueryKeyNorms, kGatedFfn, kGguf, kGgufNormsAfter,
        kGgufQueryKeyNorms}},
      {"falcon", {kFalcon, kGguf}},
      {"glm", {kDecoder, kNormsBefore, kAttention, kGateUp, kGatedFfn, kGgufGateUp, kGguf}},
      {"glm4",
       {kDecoder, kGlm4Norms, kAttention, kGateUp, kGatedFfn, kGgufGateUp, kGguf, kGgufNormsAfter}},
      {"gpt2", {kGpt2, kGguf, kGgufPositions}},
      {"gpt_neo", {kGptNeo}},
      {"gpt_neox", {kGptNeox, kNormsBefore, kGguf}},
      {"granite", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kGguf}},
      {"gptj", {kGptJ}},
      {"hunyuan_v1_dense",
       {kDecoder, kNormsBefore, kAttention, kHunyuanNorms, kGatedFfn, kGguf, kGgufQueryKeyNorms}},
      {"llama", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kMetaLlama, kGguf}},
      {"ministral", {kDecoder, kNormsBefore, kAttention, kGatedFfn}},
      {"ministral3", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kGguf}},
      {"mistral", {kDecoder, kNormsBefore, kAttention, kGatedFfn}},
      {"mpt", {kMpt, kGguf, kGgufPositions, kGgufQueryKeyNorms}},
      {"nemotron", {kDecoder, kNormsBefore, kAttention, kPlainFfn, kGguf}},
      {"olmo", {kDecoder, kAttention, kGatedFfn, kGguf}},
      {"olmo2",
       {kDecoder, kNormsAfter, kAttention, kQueryKeyNorms, kGatedFfn, kGguf, kGgufNormsAfter,
        kGgufQueryKeyNorms}},
      {"olmo3",
       {kDecoder, kNormsAfter, kAttention, kQueryKeyNorms, kGatedFfn, kGguf, kGgufNormsAfter,
        kGgufQueryKeyNorms}},
      {"opt", {kOpt}},
      {"phi", {kDecoder, kNormsBefore, kAttention, kPhi, kGguf}},
      {"phi3", {kDecoder, kNormsBefore, kAttention, kPhi3, kGateUp, kGatedFfn, kGgufGateUp, kGguf}},
      {"qwen2", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kGguf}},
      {"qwen3",
       {kDecoder, kNormsBefore, kAttention, kQueryKeyNorms, kGatedFfn, kGguf, kGgufQueryKeyNorms}},
      {"seed_oss", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kGguf, kGgufNormBetween}},
      {"smollm3", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kGguf}},
      {"stablelm",
       {kDecoder, kNormsBefore, kAttention, kStablelmNorms, kGatedFfn, kGguf, kGgufQueryKeyNorms}},
      {"starcoder2", {kDecoder, kNormsBefore, kAttention, kStarcoder2Ffn, kGguf}},
  };
}

}  // namespace azimuth
