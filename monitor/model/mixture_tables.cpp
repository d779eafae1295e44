#include "model/role_tables.h"
#include "model/shared_names.h"

namespace azimuth {
namespace {

using namespace names;

// Transformers 5, whose files hold all experts of a block in one tensor, has those of kExperts.
constexpr ModuleName kMixtralExperts[] = {
    {"layers.{}.block_sparse_moe.gate", router_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w1", gate_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w3", up_weight},
    {"layers.{}.block_sparse_moe.experts.{}.w2", down_weight},
};
constexpr ModuleName kMiniMaxRouter[] = {
    parameter("layers.{}.block_sparse_moe.e_score_correction_bias", router_choice_bias),
    parameter("layers.{}.mlp.e_score_correction_bias", router_choice_bias),
};
// As files have it, and as Transformers' own module does.
constexpr ModuleName kErnieRouter[] = {
    parameter("layers.{}.mlp.moe_statics.e_score_correction_bias", router_choice_bias),
    parameter("layers.{}.mlp.gate.moe_statics.e_score_correction_bias", router_choice_bias),
};
constexpr ModuleName kRouter[] = {
    {"layers.{}.mlp.router", router_weight, router_bias},
};
constexpr ModuleName kGraniteExperts[] = {
    {"layers.{}.block_sparse_moe.router.layer", router_weight},
    {"layers.{}.block_sparse_moe.router", router_weight},
    {"layers.{}.block_sparse_moe.experts.{}.gate_proj", gate_weight},
    {"layers.{}.block_sparse_moe.experts.{}.up_proj", up_weight},
    {"layers.{}.block_sparse_moe.experts.{}.down_proj", down_weight},
};
// Its gate and up matrices lie in one of the files' tensors.
constexpr ModuleName kGraniteShared[] = {
    {"layers.{}.shared_mlp.gate_proj", shared_gate_weight},
    {"layers.{}.shared_mlp.up_proj", shared_up_weight},
    {"layers.{}.shared_mlp.output_linear", shared_down_weight},
};
constexpr ModuleName kLlama4FeedForward[] = {
    {"layers.{}.feed_forward.gate_proj", gate_weight},
    {"layers.{}.feed_forward.up_proj", up_weight},
    {"layers.{}.feed_forward.down_proj", down_weight},
    {"layers.{}.feed_forward.router", router_weight},
    {"layers.{}.feed_forward.experts.{}.gate_up_proj", gate_up_weight},
    {"layers.{}.feed_forward.experts.{}.gate_proj", gate_weight},
    {"layers.{}.feed_forward.experts.{}.up_proj", up_weight},
    {"layers.{}.feed_forward.experts.{}.down_proj", down_weight},
    {"layers.{}.feed_forward.shared_expert.gate_proj", shared_gate_weight},
    {"layers.{}.feed_forward.shared_expert.up_proj", shared_up_weight},
    {"layers.{}.feed_forward.shared_expert.down_proj", shared_down_weight},
};
// Experts whose gate and other matrix stay in one.
constexpr ModuleName kFusedExperts[] = {
    {"layers.{}.mlp.experts.{}.gate_up_proj", gate_up_weight},
};
constexpr ModuleName kBiasedExperts[] = {
    {"layers.{}.mlp.experts.{}.gate_up_proj", gate_up_weight, gate_up_bias},
    {"layers.{}.mlp.experts.{}.down_proj", down_weight, down_bias},
};
constexpr ModuleName kSinkAttention[] = {
    {"layers.{}.self_attn.q_proj", sink_query_weight, sink_query_bias},
    {"layers.{}.self_attn.k_proj", sink_key_weight, sink_key_bias},
    {"layers.{}.self_attn.v_proj", value_weight, value_bias},
    {"layers.{}.self_attn.o_proj", output_weight, output_bias},
    parameter("layers.{}.self_attn.sinks", sinks),
};

// Stands before kGguf, which has the names for less.
constexpr ModuleName kGgufSinkAttention[] = {
    {"blk.{}.attn_q", sink_query_weight, sink_query_bias},
    {"blk.{}.attn_k", sink_key_weight, sink_key_bias},
    parameter("blk.{}.attn_sinks.weight", sinks),
};
constexpr ModuleName kGgufBiasedExperts[] = {
    {"blk.{}.ffn_gate_inp", router_weight, router_bias},
    {"blk.{}.ffn_gate.{}", gate_weight, gate_bias},
    {"blk.{}.ffn_up.{}", up_weight, up_bias},
    {"blk.{}.ffn_down.{}", down_weight, down_bias},
};

}  // namespace

std::vector<RoleTable> mixture_tables() {
  return {
      {"deepseek_v2",
       {kDecoder, kNormsBefore, kLatentAttention, kGatedFfn, kExperts, kSharedExperts, kGguf,
        kGgufLatentAttention, kGgufExperts, kGgufSharedExperts}},
      {"deepseek_v3",
       {kDecoder, kNormsBefore, kLatentAttention, kGatedFfn, kExperts, kSharedExperts, kGguf,
        kGgufLatentAttention, kGgufExperts, kGgufSharedExperts}},
      {"dots1",
       {kDecoder, kNormsBefore, kAttention, kQueryKeyNorms, kGatedFfn, kExperts, kSharedExperts,
        kGguf, kGgufQueryKeyNorms, kGgufExperts, kGgufSharedExperts}},
      {"ernie4_5_moe",
       {kDecoder, kNormsBefore, kAttention, kGatedFfn, kExperts, kErnieRouter, kSharedExperts,
        kGguf, kGgufExperts, kGgufSharedExperts}},
      {"glm4_moe",
       {kDecoder, kNormsBefore, kAttention, kQueryKeyNorms, kGatedFfn, kExperts, kSharedExperts,
        kGguf, kGgufNormBetween, kGgufQueryKeyNorms, kGgufExperts, kGgufSharedExperts}},
      {"gpt_oss",
       {kDecoder, kNormsBefore, kSinkAttention, kRouter, kBiasedExperts, kGgufSinkAttention, kGguf,
        kGgufNormBetween, kGgufBiasedExperts}},
      {"granitemoe",
       {kDecoder, kNormsBefore, kAttention, kGraniteExperts, kGraniteShared, kGguf, kGgufExperts,
        kGgufSharedExperts}},
      {"llama4_text",
       {kDecoder, kNormsBefore, kAttention, kLlama4FeedForward, kGguf, kGgufExperts,
        kGgufSharedExperts}},
      {"minimax_m2",
       {kDecoder, kNormsBefore, kAttention, kQueryKeyNorms, kMixtralExperts, kMiniMaxRouter,
        kExperts, kGguf, kGgufQueryKeyNorms, kGgufExperts, kGgufSharedExperts}},
      {"mixtral",
       {kDecoder, kNormsBefore, kAttention, kMixtralExperts, kExperts, kGguf, kGgufExperts}},
      {"olmoe",
       {kDecoder, kNormsBefore, kAttention, kQueryKeyNorms, kExperts, kGguf, kGgufQueryKeyNorms,
        kGgufExperts}},
      {"phimoe",
       {kDecoder, kNormsBefore, kAttention, kMixtralExperts, kRouter, kExperts, kGguf,
        kGgufExperts}},
      {"qwen2_moe",
       {kDecoder, kNormsBefore, kAttention, kGatedFfn, kExperts, kGatedSharedExpert, kGguf,
        kGgufExperts, kGgufSharedExperts}},
      {"qwen3_moe",
       {kDecoder, kNormsBefore, kAttention, kQueryKeyNorms, kGatedFfn, kExperts, kFusedExperts,
        kGguf, kGgufQueryKeyNorms, kGgufExperts}},
  };
}

}  // namespace azimuth
