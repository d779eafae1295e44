#include <string>

#include "azimuth/activation.h"
#include "hugging_face/family_fields.h"
#include "hugging_face/hugging_face_families.h"

namespace azimuth {
namespace {

using enum Role;
using namespace family;

void read_llama(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 11'008});
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  read_biases(fields, config, "mlp_bias", false, kFfnBiases);
}

void read_mistral(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 14'336, .kv_heads = 8});
  never(config, kAttentionBiases);
  never(config, kFfnBiases);
}

void read_ministral3(Fields fields, Config config) {
  read_like_llama(fields, config,
                  {.ffn_size = 14'336, .kv_heads = 8, .head_size = 128, .epsilon = 1e-5});
  never(config, kAttentionBiases);
  never(config, kFfnBiases);
}

void read_smollm3(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 11'008, .kv_heads = 4});
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  read_biases(fields, config, "mlp_bias", false, kFfnBiases);
}

void read_hunyuan(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 11'008, .epsilon = 1e-5});
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
}

void read_ernie(Fields fields, Config config) {
  read_like_llama(fields, config,
                  {.ffn_size = 3'072, .kv_heads = 2, .head_size = 128, .epsilon = 1e-5});
  read_biases(fields, config, "use_bias", false, kAttentionBiases);
  read_biases(fields, config, "use_bias", false, kFfnBiases);
}

void read_seed_oss(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 27'648, .kv_heads = 8, .head_size = 128});
  read_biases(fields, config, "attention_bias", true, kQueryKeyValueBiases);
  read_biases(fields, config, "attention_out_bias", false, {output_bias});
  read_biases(fields, config, "mlp_bias", false, kFfnBiases);
}

void read_glm(Fields fields, Config config) {
  read_like_llama(fields, config,
                  {.ffn_size = 13'696, .kv_heads = 2, .head_size = 128, .epsilon = 1.5625e-7});
  read_biases(fields, config, "attention_bias", true, kQueryKeyValueBiases);
  never(config, {output_bias});
  never(config, kFfnBiases);
}

void read_glm4(Fields fields, Config config) {
  read_glm(fields, config);
  config.architecture.norm_placement = NormPlacement::sandwich;
}

void read_phi3(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 8'192, .epsilon = 1e-5});
  never(config, kAttentionBiases);
  never(config, kFfnBiases);
}

void read_qwen2(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 22'016, .kv_heads = 32});
  never(config, {output_bias});
  never(config, kFfnBiases);
}

void read_qwen3(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 22'016, .kv_heads = 32, .head_size = 128});
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
}

void read_exaone4(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 16'384, .kv_heads = 32, .epsilon = 1e-5});
  config.architecture.norm_placement = NormPlacement::after;
  never(config, kAttentionBiases);
  never(config, kFfnBiases);
}

// Its norms are PyTorch's own without weights: the file says nothing of them.
void read_olmo(Fields fields, Config config) {
  Architecture& a = config.architecture;
  read_like_llama(fields, config, {.ffn_size = 11'008});
  a.norm = NormKind::layer;
  a.norm_epsilon = 1e-5;
  a.bare_norms = true;
  constexpr std::string_view clip = "clip_qkv";
  a.qkv_clip = fields.real(clip, 0, kMaxClip);
  if (a.qkv_clip == 0 && fields.has(clip) && !fields.is_null(clip)) {
    fields.fail(clip, "is 0: no value is left");
  }
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
}

// OLMo 3 too.
void read_olmo2(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 11'008, .epsilon = 1e-5});
  config.architecture.norm_placement = NormPlacement::after;
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
}

void read_granite(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 11'008});
  read_granite_multipliers(fields, config);
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  read_biases(fields, config, "mlp_bias", false, kFfnBiases);
}

void read_arcee(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 18'432, .epsilon = 1e-5, .activation = "relu2"});
  config.architecture.gated_ffn = false;
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  read_biases(fields, config, "mlp_bias", false, kFfnBiases);
}

void read_apertus(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 14'336, .epsilon = 1e-5, .activation = "xielu"});
  config.architecture.gated_ffn = false;
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
}

void read_nemotron(Fields fields, Config config) {
  read_kv_heads(fields, config);
  read_head_size(fields, config);
  read_norm(fields, config, NormKind::layer, "norm_eps", 1e-5);
  config.architecture.norm_offset = 1;
  read_activation(fields, config, "hidden_act", "relu2");
  read_ffn_size(fields, config, "intermediate_size", 24'576);
  config.architecture.gated_ffn = false;
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  read_biases(fields, config, "mlp_bias", false, kFfnBiases);
}

void read_cohere(Fields fields, Config config) {
  read_kv_heads(fields, config);
  read_head_size(fields, config);
  read_norm(fields, config, NormKind::layer, "layer_norm_eps", 1e-5);
  read_activation(fields, config, "hidden_act", "silu");
  read_ffn_size(fields, config, "intermediate_size", 22'528);
  config.architecture.parallel = true;
  config.architecture.shared_norm = true;
  read_biases(fields, config, "attention_bias", false, kAttentionBiases);
  never(config, kFfnBiases);
  never(config, {attention_norm_bias, final_norm_bias});  // its norms have none
}

void read_stablelm(Fields fields, Config config) {
  read_kv_heads(fields, config, 32);
  read_norm(fields, config, NormKind::layer, "layer_norm_eps", 1e-5);
  read_activation(fields, config, "hidden_act", "silu");
  config.architecture.parallel = fields.flag("use_parallel_residual", false);
  config.architecture.shared_norm = config.architecture.parallel;
  read_ffn_size(fields, config, "intermediate_size", 6'912);
  read_biases(fields, config, "use_qkv_bias", false, kQueryKeyValueBiases);
  never(config, {output_bias});
  never(config, kFfnBiases);
}

void read_phi(Fields fields, Config config) {
  read_kv_heads(fields, config);
  read_head_size(fields, config);
  read_norm(fields, config, NormKind::layer, "layer_norm_eps", 1e-5);
  read_activation(fields, config, "hidden_act", "gelu_new");
  read_ffn_size(fields, config, "intermediate_size", 8'192);
  config.architecture.gated_ffn = false;
  config.architecture.parallel = true;
  config.architecture.shared_norm = true;
}

void read_starcoder2(Fields fields, Config config) {
  read_kv_heads(fields, config, 2);
  read_head_size(fields, config);
  read_norm(fields, config, NormKind::layer, "norm_epsilon", 1e-5);
  read_activation(fields, config, "hidden_act", "gelu_pytorch_tanh");
  read_ffn_size(fields, config, "intermediate_size", 12'288);
  config.architecture.gated_ffn = false;
  read_biases(fields, config, "use_bias", true, kAttentionBiases);
  read_biases(fields, config, "use_bias", true, kFfnBiases);
}

void read_gpt2(Fields fields, Config config) {
  read_norm(fields, config, NormKind::layer, "layer_norm_epsilon", 1e-5);
  read_activation(fields, config, "activation_function", "gelu_new");
  read_ffn_size(fields, config, "n_inner", 4 * config.hidden_size);
  config.positions = fields.count({"n_positions", "max_position_embeddings"}, 1'024, kMaxPositions);
  config.architecture.gated_ffn = false;
  config.architecture.learned_positions = true;
}

void read_gpt_neo(Fields fields, Config config) {
  read_norm(fields, config, NormKind::layer, "layer_norm_epsilon", 1e-5);
  read_activation(fields, config, "activation_function", "gelu_new");
  read_ffn_size(fields, config, "intermediate_size", 4 * config.hidden_size);
  config.positions = fields.count({"max_position_embeddings"}, 2'048, kMaxPositions);
  config.architecture.gated_ffn = false;
  config.architecture.learned_positions = true;
}

void read_gptj(Fields fields, Config config) {
  read_norm(fields, config, NormKind::layer, "layer_norm_epsilon", 1e-5);
  read_activation(fields, config, "activation_function", "gelu_new");
  read_ffn_size(fields, config, "n_inner", 4 * config.hidden_size);
  config.architecture.gated_ffn = false;
  config.architecture.parallel = true;
  config.architecture.shared_norm = true;
}

void read_gpt_neox(Fields fields, Config config) {
  read_norm(fields, config, NormKind::layer, "layer_norm_eps", 1e-5);
  read_activation(fields, config, "hidden_act", "gelu");
  read_ffn_size(fields, config, "intermediate_size", 24'576);
  read_biases(fields, config, "attention_bias", true, kFusedAttentionBiases);
  config.architecture.gated_ffn = false;
  config.architecture.parallel = fields.flag("use_parallel_residual", true);
}

void read_opt(Fields fields, Config config) {
  const std::int64_t projection =
      fields.count({"word_embed_proj_dim"}, config.hidden_size, 1ll << 62);
  if (projection != config.hidden_size) {
    fields.fail("word_embed_proj_dim", "is " + std::to_string(projection) + ", not hidden_size " +
                                           std::to_string(config.hidden_size) +
                                           ": projected embeddings are not supported");
  }
  if (!fields.flag("do_layer_norm_before", true)) {
    fields.fail("do_layer_norm_before",
                "is false: norms after attention and FFN are not supported");
  }
  if (!fields.flag("layer_norm_elementwise_affine", true)) {
    fields.fail("layer_norm_elementwise_affine",
                "is false: norms without weights are not supported");
  }
  config.architecture.norm = NormKind::layer;
  config.architecture.norm_epsilon = 1e-5;  // torch.nn.LayerNorm's own: the file does not say
  read_activation(fields, config, "activation_function", "relu");
  config.architecture.gated_ffn = false;
  config.architecture.learned_positions = true;
  config.architecture.first_position_row = 2;
  read_ffn_size(fields, config, "ffn_dim", 3'072);
  config.positions = 2 + fields.count({"max_position_embeddings"}, 2'048, kMaxPositions);
  read_biases(fields, config, "enable_bias", true, kAttentionBiases);
  read_biases(fields, config, "enable_bias", true, kFfnBiases);
}

void read_bloom(Fields fields, Config config) {
  constexpr std::string_view residual = "apply_residual_connection_post_layernorm";
  if (fields.flag(residual, false)) {
    fields.fail(residual, "is true: residuals after the norm are not supported");
  }
  read_norm(fields, config, NormKind::layer, "layer_norm_epsilon", 1e-5);
  config.architecture.activation = Activation::gelu_tanh;  // always: its own BloomGelu
  config.architecture.gated_ffn = false;
  config.architecture.embedding_norm = true;
  config.ffn_size = 4 * config.hidden_size;
}

// Transformers ignores most of what MosaicML's own code reads; what that code would do otherwise is
// refused.
void read_mpt(Fields fields, Config config) {
  const ConfigFields attention = fields.object("attn_config");
  const std::string_view type = attention.text("attn_type", "multihead_attention");
  if (type != "multihead_attention") {
    attention.fail("attn_type", "is '" + std::string(type) + "'; multihead_attention is supported");
  }
  if (!attention.flag("alibi", true) && fields.flag("learned_pos_emb", true)) {
    fields.fail("learned_pos_emb",
                "is true without attn_config.alibi: learned positions are not "
                "supported");
  }
  const std::string_view norm = fields.text("norm_type", "low_precision_layernorm");
  if (norm != "low_precision_layernorm" && norm != "layernorm") {
    fields.fail("norm_type", "is '" + std::string(norm) +
                                 "'; low_precision_layernorm and layernorm are supported");
  }
  const ConfigFields ffn = fields.object("ffn_config");
  const std::string_view ffn_type = ffn.text("ffn_type", "mptmlp");
  if (ffn_type != "mptmlp") {
    ffn.fail("ffn_type", "is '" + std::string(ffn_type) + "'; mptmlp is supported");
  }
  read_norm(fields, config, NormKind::layer, "layer_norm_epsilon", 1e-5);
  config.architecture.activation = Activation::gelu;  // always
  config.architecture.gated_ffn = false;
  config.architecture.qkv_clip = attention.real("clip_qkv", 0, kMaxClip);
  config.ffn_size = config.hidden_size * fields.count({"expansion_ratio"}, 4, kMaxExpansion);
  // Transformers' norms have none either.
  never(config, {query_key_value_bias, output_bias, up_bias, down_bias, attention_norm_bias,
                 ffn_norm_bias, final_norm_bias});
}

void read_falcon(Fields fields, Config config) {
  Architecture& a = config.architecture;
  read_norm(fields, config, NormKind::layer, "layer_norm_epsilon", 1e-5);
  read_activation(fields, config, "activation", "gelu");
  read_ffn_size(fields, config, "ffn_hidden_size", 4 * config.hidden_size);
  read_biases(fields, config, "bias", false, kFusedAttentionBiases);
  read_biases(fields, config, "bias", false, kFfnBiases);
  a.gated_ffn = false;
  constexpr std::string_view norms_key = "num_ln_in_parallel_attn";
  // Null is false, whatever the default.
  const bool parallel = fields.flag("parallel_attn", !fields.is_null("parallel_attn"));
  if (fields.flag("new_decoder_architecture", false)) {
    a.kv_heads = fields.count({"num_kv_heads"}, a.heads, kMaxHeads);
    const std::int64_t norms = fields.count({norms_key}, 2, 2);
    if (!parallel) fields.fail("parallel_attn", "is false with new_decoder_architecture");
    a.parallel = true;
    a.shared_norm = norms == 1;
    return;
  }
  if (fields.flag("multi_query", !fields.is_null("multi_query"))) a.kv_heads = 1;
  if (parallel && fields.count({norms_key}, 1, 2) != 1) {
    fields.fail(norms_key, "is 2 without new_decoder_architecture");
  }
  a.parallel = parallel;
  a.shared_norm = parallel;
}

void read_qwen2_vl(Fields fields, Config config) {
  read_like_llama(fields, config, {.ffn_size = 29'568, .kv_heads = 8, .epsilon = 1e-5});
  never(config, {output_bias});
  never(config, kFfnBiases);
}

constexpr HuggingFaceFamily kDense[] = {
    {"apertus", 4'096, 32, 131'072, 32, 1, read_apertus},
    {"arcee", 2'560, 32, 32'000, 32, 128'000, read_arcee},
    {"bloom", 64, 2, 250'880, 8, 1, read_bloom, QkvLayout::by_kv_head},
    {"cohere", 8'192, 40, 256'000, 64, 5, read_cohere},
    {"cohere2", 8'192, 40, 256'000, 64, 5, read_cohere},
    {"ernie4_5", 1'024, 18, 103'424, 16, 1, read_ernie},
    {"exaone4", 4'096, 32, 102'400, 32, 0, read_exaone4},
    {"falcon", 4'544, 32, 65'024, 71, 11, read_falcon, QkvLayout::by_kv_head},
    {"glm", 4'096, 40, 151'552, 32, -1, read_glm},
    {"glm4", 4'096, 40, 151'552, 32, -1, read_glm4},
    {"gpt2", 768, 12, 50'257, 12, 50'256, read_gpt2},
    {"gpt_neo", 2'048, 24, 50'257, 16, 50'256, read_gpt_neo},
    {"gpt_neox", 6'144, 44, 50'432, 64, 0, read_gpt_neox, QkvLayout::by_kv_head},
    {"gptj", 4'096, 28, 50'400, 16, 50'256, read_gptj},
    {"granite", 4'096, 32, 32'000, 32, 1, read_granite},
    {"hunyuan_v1_dense", 4'096, 32, 290'943, 32, 1, read_hunyuan},
    {"llama", 4'096, 32, 32'000, 32, 1, read_llama},
    {"ministral", 4'096, 32, 32'000, 32, 1, read_mistral},
    {"ministral3", 4'096, 34, 131'072, 32, 1, read_ministral3},
    {"mistral", 4'096, 32, 32'000, 32, 1, read_mistral},
    {"mpt", 2'048, 24, 50'368, 16, -1, read_mpt},
    {"nemotron", 6'144, 32, 256'000, 48, 2, read_nemotron},
    {"olmo", 4'096, 32, 50'304, 32, -1, read_olmo},
    {"olmo2", 4'096, 32, 50'304, 32, -1, read_olmo2},
    {"olmo3", 4'096, 32, 50'304, 32, -1, read_olmo2},
    {"opt", 768, 12, 50'272, 12, 2, read_opt},
    {"phi", 2'048, 24, 51'200, 32, 1, read_phi},
    {"phi3", 3'072, 32, 32'064, 32, 1, read_phi3},
    {"qwen2", 4'096, 32, 151'936, 32, -1, read_qwen2},
    {"qwen2_5_vl_text", 8'192, 80, 152'064, 64, 151'643, read_qwen2_vl, QkvLayout::by_kind,
     "qwen2"},
    {"qwen2_vl_text", 8'192, 80, 152'064, 64, 151'643, read_qwen2_vl, QkvLayout::by_kind, "qwen2"},
    {"qwen3", 4'096, 32, 151'936, 32, -1, read_qwen3},
    {"qwen3_vl_text", 4'096, 32, 151'936, 32, -1, read_qwen3, QkvLayout::by_kind, "qwen3"},
    {"seed_oss", 4'096, 64, 155'136, 80, 0, read_seed_oss},
    {"smollm3", 2'048, 36, 128'256, 16, 128'000, read_smollm3},
    {"stablelm", 2'560, 32, 50'304, 32, 0, read_stablelm},
    {"starcoder2", 3'072, 30, 49'152, 24, 50'256, read_starcoder2},
};

}  // namespace

std::span<const HuggingFaceFamily> dense_families() { return kDense; }

}  // namespace azimuth
