#include "gguf/gguf_families.h"

#include <cmath>
#include <string>

// Source: what llama.cpp's converters write (conversion/*.py) and what its models compute
// (src/models/*.cpp), of commit 0c1e57098. GGUF says nothing of activations: they are those that
// the families' configurations in Transformers have by default.
//
// What the converters lay out otherwise than Hugging Face does, and what becomes of an adapter,
// which is always laid out as there:
//
//   what                     GGUF           Hugging Face    families           an update
//   rows of fused Q, K, V    by kind        by KV head      bloom, falcon,     goes to the stored
//                                                           gptneox            rows (qkv_rows.h)
//   rows of Q and K          permuted       as they are     llama, also        is not read by the
//                                           (rotary)        Mistral, Mixtral   pass: digest alone
//   fused Q, K, V            fused          three matrices  --fuse-qkv         is refused
//   matrices                 outputs first  inputs first    gpt2               fits both: factors
//                                                                              say which is which
//   experts                  one tensor     one each        llama (Mixtral)    fits the slices
//   norms                    1 is added     as they are     gemma2, gemma3     saved whole: gets
//                                                                              the 1 too
//   rows of the embedding    of tokens      padded          gemma3             is refused if the
//                                                                              numbers differ
//
// V where it is alone, O and the matrices of the FFN, Phi-3's gate and up in one too, stand alike
// in all families.
namespace azimuth {
namespace {

using Fields = const GgufFields&;

constexpr std::int64_t kMaxExperts = 4'096;
constexpr std::string_view kFalconSecondNorm = "blk.0.attn_norm_2";

void read_rms_norm(Fields fields, Architecture& a) {
  a.norm = NormKind::rms;
  a.norm_epsilon = fields.real("attention.layer_norm_rms_epsilon");
}

// Layer norms and a plain FFN.
void read_plain(Fields fields, Architecture& a, Activation activation) {
  a.norm = NormKind::layer;
  a.norm_epsilon = fields.real("attention.layer_norm_epsilon");
  a.activation = activation;
  a.gated_ffn = false;
}

void read_bloom(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::gelu_tanh);
  a.embedding_norm = true;
}

void read_falcon(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::gelu);
  a.parallel = true;
  a.shared_norm = !fields.has_module(kFalconSecondNorm);
}

// The converter has added Gemma's 1 to the weights of its norms.
void read_gemma(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.activation = Activation::gelu_tanh;
  a.norm_placement = NormPlacement::sandwich;
  a.embedding_multiplier =
      std::sqrt(static_cast<double>(fields.count("embedding_length", 1ll << 31)));
}

void read_gpt2(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::gelu_tanh);
  a.learned_positions = true;
}

void read_gpt_neox(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::gelu);
  a.parallel = fields.flag("use_parallel_residual", true);
}

// Mistral and Mixtral too.
void read_llama(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  if (!fields.has("expert_count") || fields.integer("expert_count") == 0) return;
  a.name = "mixtral";
  a.experts = fields.count("expert_count", kMaxExperts);
  a.routing.experts_per_token = fields.count("expert_used_count", a.experts);
}

void read_mpt(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::gelu);
  if (fields.has("attention.clamp_kqv")) a.qkv_clip = fields.real("attention.clamp_kqv");
  a.learned_positions = fields.has_tensor("position_embd.weight");
}

void read_olmo2(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.norm_placement = NormPlacement::after;
}

void read_phi2(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::gelu_tanh);
  a.parallel = true;
  a.shared_norm = true;
}

// Its key use_parallel_residual is not to be relied on: converters write true where a configuration
// says nothing and means false. llama.cpp goes by the norm, as here.
void read_stablelm(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::silu);
  a.gated_ffn = true;
  a.parallel = !fields.has_tensor("blk.0.ffn_norm.weight");
  a.shared_norm = a.parallel;
}

void read_starcoder2(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::gelu_tanh);
}

constexpr GgufFamily kFamilies[] = {
    {"bloom", "bloom", read_bloom},
    {"falcon", "falcon", read_falcon},
    {"gemma2", "gemma2", read_gemma},
    {"gemma3", "gemma3_text", read_gemma},
    {"gpt2", "gpt2", read_gpt2},
    {"gptneox", "gpt_neox", read_gpt_neox},
    {"llama", "llama", read_llama},
    {"mpt", "mpt", read_mpt},
    {"olmo2", "olmo2", read_olmo2},
    {"phi2", "phi", read_phi2},
    {"phi3", "phi3", read_rms_norm},
    {"qwen2", "qwen2", read_rms_norm},
    {"qwen3", "qwen3", read_rms_norm},
    {"stablelm", "stablelm", read_stablelm},
    {"starcoder2", "starcoder2", read_starcoder2},
};

// A key that changes what a block computes, if it is neither 0 nor `neutral`, and the one family
// that reads it.
struct Refused {
  std::string_view key;
  std::string_view family = {};
  double neutral = 0;
};
constexpr Refused kRefusedIntegers[] = {
    {.key = "expert_count", .family = "llama"},
    {.key = "expert_gating_func", .neutral = 1},  // softmax
    {.key = "expert_group_count"},
    {.key = "expert_shared_count"},
    {.key = "leading_dense_block_count"},
};
constexpr Refused kRefusedReals[] = {
    {.key = "attention.clamp_kqv", .family = "mpt"},
    {.key = "embedding_scale", .neutral = 1},
    {.key = "expert_weights_scale", .neutral = 1},
    {.key = "residual_scale", .neutral = 1},
};

}  // namespace

std::span<const GgufFamily> gguf_families() { return kFamilies; }

void check_supported(const GgufFields& fields, std::string_view family) {
  const auto check = [&](const Refused& refused, double value) {
    if (value == 0 || value == refused.neutral) return;
    fields.fail(refused.key, "is not supported for " + std::string(family));
  };
  for (const Refused& refused : kRefusedIntegers) {
    if (refused.family == family || !fields.has(refused.key)) continue;
    check(refused, static_cast<double>(fields.integer(refused.key)));
  }
  for (const Refused& refused : kRefusedReals) {
    if (refused.family == family || !fields.has(refused.key)) continue;
    check(refused, fields.real(refused.key));
  }
}

RoleNames gguf_role_names(const GgufFields& fields, const Architecture& architecture) {
  // Falcon with two norms: that of the FFN has the name that other models give to attention's.
  if (architecture.name == "falcon" && fields.has_module(kFalconSecondNorm)) {
    return {.patterns = {{Role::attention_norm_weight, "blk.{}.attn_norm_2.weight"},
                         {Role::attention_norm_bias, "blk.{}.attn_norm_2.bias"},
                         {Role::ffn_norm_weight, "blk.{}.attn_norm.weight"},
                         {Role::ffn_norm_bias, "blk.{}.attn_norm.bias"}}};
  }
  return {};
}

}  // namespace azimuth
