#include "model/role_tables.h"
#include "model/shared_names.h"

namespace azimuth {
namespace {

using namespace names;

// Stand before kAttention, which has the same name for less.
constexpr ModuleName kGatedQueries[] = {
    {"layers.{}.self_attn.q_proj", query_gate_weight, query_gate_bias},
};
constexpr ModuleName kDeltaRule[] = {
    parameter("layers.{}.linear_attn.A_log", recurrent_decay),
    parameter("layers.{}.linear_attn.dt_bias", recurrent_decay_bias),
    {"layers.{}.linear_attn.conv1d", convolution_weight},
    {"layers.{}.linear_attn.norm", recurrent_norm_weight},
    {"layers.{}.linear_attn.out_proj", recurrent_output_weight},
};
constexpr ModuleName kDeltaRuleMatrices[] = {
    {"layers.{}.linear_attn.in_proj_qkv", recurrent_input_weight},
    {"layers.{}.linear_attn.in_proj_z", recurrent_gate_weight},
    {"layers.{}.linear_attn.in_proj_b", recurrent_strength_weight},
    {"layers.{}.linear_attn.in_proj_a", recurrent_decay_weight},
};
constexpr ModuleName kDeltaRuleByKeyHead[] = {
    {"layers.{}.linear_attn.in_proj_qkvz", recurrent_input_weight},
    {"layers.{}.linear_attn.in_proj_ba", recurrent_strength_decay_weight},
};

constexpr ModuleName kLfm2[] = {
    {"embed_tokens", token_embedding},
    {"layers.{}.operator_norm", attention_norm_weight},
    {"layers.{}.self_attn.q_proj", query_weight},
    {"layers.{}.self_attn.k_proj", key_weight},
    {"layers.{}.self_attn.v_proj", value_weight},
    {"layers.{}.self_attn.out_proj", output_weight},
    {"layers.{}.self_attn.q_layernorm", query_norm_weight},
    {"layers.{}.self_attn.k_layernorm", key_norm_weight},
    {"layers.{}.conv.in_proj", recurrent_input_weight, recurrent_input_bias},
    {"layers.{}.conv.conv", convolution_weight, convolution_bias},
    {"layers.{}.conv.out_proj", recurrent_output_weight, recurrent_output_bias},
    {"layers.{}.ffn_norm", ffn_norm_weight},
    {"layers.{}.feed_forward.w1", gate_weight},
    {"layers.{}.feed_forward.w3", up_weight},
    {"layers.{}.feed_forward.w2", down_weight},
    {"embedding_norm", final_norm_weight},
    {"lm_head", head_weight},
};

// Of Falcon-H1, Bamba and Jamba.
constexpr ModuleName kMambaDecoder[] = {
    {"embed_tokens", token_embedding},
    {"layers.{}.input_layernorm", attention_norm_weight},
    {"layers.{}.pre_ff_layernorm", ffn_norm_weight},
    {"layers.{}.feed_forward.gate_proj", gate_weight, gate_bias},
    {"layers.{}.feed_forward.up_proj", up_weight, up_bias},
    {"layers.{}.feed_forward.down_proj", down_weight, down_bias},
    {"final_layernorm", final_norm_weight},
    {"lm_head", head_weight},
};
constexpr ModuleName kMamba2[] = {
    parameter("layers.{}.mamba.A_log", recurrent_decay),
    parameter("layers.{}.mamba.dt_bias", step_bias),
    parameter("layers.{}.mamba.D", skip),
    {"layers.{}.mamba.in_proj", recurrent_input_weight, recurrent_input_bias},
    {"layers.{}.mamba.conv1d", convolution_weight, convolution_bias},
    {"layers.{}.mamba.norm", recurrent_norm_weight},
    {"layers.{}.mamba.out_proj", recurrent_output_weight, recurrent_output_bias},
};
constexpr ModuleName kJamba[] = {
    parameter("layers.{}.mamba.A_log", recurrent_decay),
    parameter("layers.{}.mamba.D", skip),
    {"layers.{}.mamba.in_proj", recurrent_input_weight, recurrent_input_bias},
    {"layers.{}.mamba.conv1d", convolution_weight, convolution_bias},
    {"layers.{}.mamba.x_proj", state_parameters_weight},
    {"layers.{}.mamba.dt_layernorm", step_norm_weight},
    {"layers.{}.mamba.b_layernorm", state_write_norm_weight},
    {"layers.{}.mamba.c_layernorm", state_read_norm_weight},
    {"layers.{}.mamba.dt_proj", step_weight, step_bias},
    {"layers.{}.mamba.out_proj", recurrent_output_weight, recurrent_output_bias},
    {"layers.{}.feed_forward.router", router_weight},
    {"layers.{}.feed_forward.experts.{}.gate_proj", gate_weight},
    {"layers.{}.feed_forward.experts.{}.up_proj", up_weight},
    {"layers.{}.feed_forward.experts.{}.down_proj", down_weight},
};

// A block is one mixer, called so whatever it is.
constexpr ModuleName kNemotronH[] = {
    {"embeddings", token_embedding},
    {"layers.{}.norm", attention_norm_weight},
    {"layers.{}.mixer.q_proj", query_weight},
    {"layers.{}.mixer.k_proj", key_weight},
    {"layers.{}.mixer.v_proj", value_weight},
    {"layers.{}.mixer.o_proj", output_weight},
    parameter("layers.{}.mixer.A_log", recurrent_decay),
    parameter("layers.{}.mixer.dt_bias", step_bias),
    parameter("layers.{}.mixer.D", skip),
    {"layers.{}.mixer.in_proj", recurrent_input_weight, recurrent_input_bias},
    {"layers.{}.mixer.conv1d", convolution_weight, convolution_bias},
    {"layers.{}.mixer.norm", recurrent_norm_weight},
    {"layers.{}.mixer.out_proj", recurrent_output_weight, recurrent_output_bias},
    {"layers.{}.mixer.up_proj", up_weight, up_bias},
    {"layers.{}.mixer.down_proj", down_weight, down_bias},
    {"layers.{}.mixer.gate", router_weight},
    parameter("layers.{}.mixer.gate.e_score_correction_bias", router_choice_bias),
    {"layers.{}.mixer.fc1_latent_proj", experts_input_weight, experts_input_bias},
    {"layers.{}.mixer.experts.{}.up_proj", up_weight},
    {"layers.{}.mixer.experts.{}.down_proj", down_weight},
    {"layers.{}.mixer.fc2_latent_proj", experts_output_weight, experts_output_bias},
    {"layers.{}.mixer.shared_experts.up_proj", shared_up_weight, shared_up_bias},
    {"layers.{}.mixer.shared_experts.down_proj", shared_down_weight, shared_down_bias},
    {"norm_f", final_norm_weight},
    {"lm_head", head_weight},
};

constexpr ModuleName kGgufRecurrence[] = {
    parameter("blk.{}.ssm_a", recurrent_decay),
    {"blk.{}.ssm_conv1d", convolution_weight, convolution_bias},
    {"blk.{}.ssm_norm", recurrent_norm_weight},
    {"blk.{}.ssm_out", recurrent_output_weight, recurrent_output_bias},
};
constexpr ModuleName kGgufMamba2[] = {
    parameter("blk.{}.ssm_d", skip),
    parameter("blk.{}.ssm_dt.bias", step_bias),
    {"blk.{}.ssm_in", recurrent_input_weight, recurrent_input_bias},
    parameter("blk.{}.ffn_norm", ffn_norm_weight),  // of Falcon-H1
};
// Stands before kGguf, which has two of the names for less.
constexpr ModuleName kGgufDeltaRule[] = {
    {"blk.{}.attn_q", query_gate_weight, query_gate_bias},
    {"blk.{}.attn_qkv", recurrent_input_weight},
    {"blk.{}.attn_gate", recurrent_gate_weight},
    {"blk.{}.ssm_alpha", recurrent_decay_weight},
    {"blk.{}.ssm_beta", recurrent_strength_weight},
    {"blk.{}.ssm_ba", recurrent_strength_decay_weight},
    parameter("blk.{}.ssm_dt.bias", recurrent_decay_bias),
};
constexpr ModuleName kGgufJamba[] = {
    parameter("blk.{}.ssm_d", skip),
    {"blk.{}.ssm_in", recurrent_input_weight, recurrent_input_bias},
    {"blk.{}.ssm_x", state_parameters_weight},
    {"blk.{}.ssm_dt_norm", step_norm_weight},
    {"blk.{}.ssm_b_norm", state_write_norm_weight},
    {"blk.{}.ssm_c_norm", state_read_norm_weight},
    {"blk.{}.ssm_dt", step_weight, step_bias},
};
constexpr ModuleName kGgufProjectedExperts[] = {
    {"blk.{}.ffn_latent_down", experts_input_weight},
    {"blk.{}.ffn_latent_up", experts_output_weight},
};
constexpr ModuleName kGgufShortConvolution[] = {
    {"token_embd_norm", final_norm_weight},
    {"blk.{}.shortconv.in_proj", recurrent_input_weight, recurrent_input_bias},
    {"blk.{}.shortconv.conv", convolution_weight, convolution_bias},
    {"blk.{}.shortconv.out_proj", recurrent_output_weight, recurrent_output_bias},
};

}  // namespace

std::vector<RoleTable> hybrid_tables() {
  return {
      {"bamba", {kMambaDecoder, kAttention, kMamba2, kGguf, kGgufRecurrence, kGgufMamba2}},
      {"falcon_h1", {kMambaDecoder, kAttention, kMamba2, kGguf, kGgufRecurrence, kGgufMamba2}},
      {"jamba",
       {kMambaDecoder, kAttention, kJamba, kGguf, kGgufExperts, kGgufRecurrence, kGgufJamba}},
      {"lfm2", {kLfm2, kGguf, kGgufQueryKeyNorms, kGgufShortConvolution}},
      {"nemotron_h",
       {kNemotronH, kGguf, kGgufRecurrence, kGgufMamba2, kGgufExperts, kGgufSharedExperts,
        kGgufProjectedExperts}},
      {"qwen3_5_moe_text",
       {kDecoder, kNormsBefore, kGatedQueries, kAttention, kQueryKeyNorms, kDeltaRule,
        kDeltaRuleMatrices, kExperts, kGatedSharedExpert, kGgufDeltaRule, kGguf, kGgufNormBetween,
        kGgufQueryKeyNorms, kGgufRecurrence, kGgufExperts, kGgufSharedExperts}},
      {"qwen3_5_text",
       {kDecoder, kNormsBefore, kGatedQueries, kAttention, kQueryKeyNorms, kDeltaRule,
        kDeltaRuleMatrices, kGatedFfn, kGgufDeltaRule, kGguf, kGgufNormBetween, kGgufQueryKeyNorms,
        kGgufRecurrence}},
      {"qwen3_next",
       {kDecoder, kNormsBefore, kGatedQueries, kAttention, kQueryKeyNorms, kDeltaRule,
        kDeltaRuleByKeyHead, kExperts, kGatedSharedExpert, kGatedFfn, kGgufDeltaRule, kGguf,
        kGgufNormBetween, kGgufQueryKeyNorms, kGgufRecurrence, kGgufExperts, kGgufSharedExperts}},
  };
}

}  // namespace azimuth
