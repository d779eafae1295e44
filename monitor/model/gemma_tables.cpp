#include "model/role_tables.h"
#include "model/shared_names.h"

namespace azimuth {
namespace {

using enum Role;

constexpr ModuleName kPerLayerInputs[] = {
    {"embed_tokens_per_layer", per_layer_embedding},
    {"per_layer_model_projection", per_layer_projection_weight},
    {"per_layer_projection_norm", per_layer_projection_norm_weight},
    {"layers.{}.per_layer_input_gate", per_layer_gate_weight},
    {"layers.{}.per_layer_projection", per_layer_output_weight},
    {"layers.{}.post_per_layer_input_norm", per_layer_norm_weight},
};

constexpr ModuleName kGemma3n[] = {
    {"altup_projections.{}", stream_projection_weight},
    {"layers.{}.altup.router_norm", stream_router_norm_weight},
    {"layers.{}.altup.modality_router", stream_router_weight},
    {"layers.{}.altup.prediction_coefs", stream_prediction_weight},
    {"layers.{}.altup.correction_coefs", stream_correction_weight},
    parameter("layers.{}.altup.correct_output_scale", stream_output_scale),
    {"layers.{}.laurel.linear_left", low_rank_inner_weight},
    {"layers.{}.laurel.linear_right", low_rank_output_weight},
    {"layers.{}.laurel.post_laurel_norm", low_rank_norm_weight},
};

constexpr ModuleName kGemma4[] = {
    parameter("layers.{}.layer_scalar", block_scale),
};

constexpr ModuleName kGgufPerLayerInputs[] = {
    {"per_layer_token_embd", per_layer_embedding},
    {"per_layer_model_proj", per_layer_projection_weight},
    {"per_layer_proj_norm", per_layer_projection_norm_weight},
    {"blk.{}.inp_gate", per_layer_gate_weight},
    {"blk.{}.proj", per_layer_output_weight},
    {"blk.{}.post_norm", per_layer_norm_weight},
};

constexpr ModuleName kGgufGemma3n[] = {
    {"altup_proj.{}", stream_projection_weight},
    {"blk.{}.altup_router_norm", stream_router_norm_weight},
    {"blk.{}.altup_router", stream_router_weight},
    {"blk.{}.altup_predict_coef", stream_prediction_weight},
    {"blk.{}.altup_correct_coef", stream_correction_weight},
    {"blk.{}.altup_correct_scale", stream_output_scale},
    {"blk.{}.laurel_l", low_rank_inner_weight},
    {"blk.{}.laurel_r", low_rank_output_weight},
    {"blk.{}.laurel_post_norm", low_rank_norm_weight},
};

constexpr ModuleName kGgufGemma4[] = {
    {"blk.{}.layer_output_scale", block_scale},
};

constexpr ModuleName kGgufGemma4Mixture[] = {
    {"blk.{}.ffn_gate", shared_gate_weight},
    {"blk.{}.ffn_up", shared_up_weight},
    {"blk.{}.ffn_down", shared_down_weight},
    {"blk.{}.post_ffw_norm_1", shared_output_norm_weight},
    {"blk.{}.pre_ffw_norm_2", expert_norm_weight},
    {"blk.{}.post_ffw_norm_2", expert_output_norm_weight},
    parameter("blk.{}.ffn_gate_inp.scale", router_norm_weight),
    parameter("blk.{}.ffn_down_exps.scale", expert_scale),
    {"blk.{}.ffn_gate_up.{}", gate_up_weight},
};

// Beside the FFN, which has the names of others.
constexpr ModuleName kGemma4Mixture[] = {
    {"layers.{}.mlp.gate_proj", shared_gate_weight},
    {"layers.{}.mlp.up_proj", shared_up_weight},
    {"layers.{}.mlp.down_proj", shared_down_weight},
    {"layers.{}.post_feedforward_layernorm_1", shared_output_norm_weight},
    {"layers.{}.pre_feedforward_layernorm_2", expert_norm_weight},
    {"layers.{}.post_feedforward_layernorm_2", expert_output_norm_weight},
    {"layers.{}.router.proj", router_weight},
    parameter("layers.{}.router.scale", router_norm_weight),
    parameter("layers.{}.router.per_expert_scale", expert_scale),
    {"layers.{}.experts.{}.gate_proj", gate_weight},
    {"layers.{}.experts.{}.up_proj", up_weight},
    {"layers.{}.experts.{}.down_proj", down_weight},
};

}  // namespace

std::vector<RoleTable> gemma_tables() {
  using namespace names;
  return {
      {"gemma", {kDecoder, kNormsBefore, kAttention, kGatedFfn, kGguf}},
      {"gemma2", {kDecoder, kNormsSandwich, kAttention, kGatedFfn, kGguf, kGgufNormsAfter}},
      {"gemma3_text",
       {kDecoder, kNormsSandwich, kAttention, kQueryKeyNorms, kGatedFfn, kGguf, kGgufNormsAfter,
        kGgufQueryKeyNorms}},
      {"gemma3n_text",
       {kDecoder, kNormsSandwich, kAttention, kQueryKeyNorms, kGatedFfn, kPerLayerInputs, kGemma3n,
        kGguf, kGgufNormsAfter, kGgufQueryKeyNorms, kGgufPerLayerInputs, kGgufGemma3n}},
      {"gemma4_text",
       {kDecoder, kNormsSandwich, kAttention, kQueryKeyNorms, kGatedFfn, kPerLayerInputs, kGemma4,
        kGemma4Mixture, kGguf, kGgufNormsAfter, kGgufQueryKeyNorms, kGgufPerLayerInputs,
        kGgufGemma4, kGgufExperts, kGgufGemma4Mixture}},
  };
}

}  // namespace azimuth
