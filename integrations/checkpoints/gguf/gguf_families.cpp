#include "gguf/gguf_families.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "gguf/gguf_family_fields.h"

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
//                                           (rotary)        Mistral, Mixtral;  pass: digest alone
//                                                           arcee, granite,
//                                                           granitehybrid,
//                                                           granitemoe,
//                                                           mistral3,
//                                                           nemotron_h, olmo,
//                                                           smollm3
//   fused Q, K, V            fused          three matrices  --fuse-qkv         is refused
//   matrices                 outputs first  inputs first    gpt2               fits both: factors
//                                                                              say which is which
//   experts                  one tensor     one each        llama (Mixtral),   fits the slices
//                                                           other mixtures
//   norms                    1 is added     as they are     gemma, gemma2,     saved whole: gets
//                                                           gemma3, nemotron   the 1 too
//   matrices of streams      one tensor     one each        gemma3n            fits the slices
//   rows of per-layer        of tokens      some            gemma3n            is refused if the
//   inputs                                                                     numbers differ
//   keys and values of       one each       in one matrix   deepseek2          is refused
//   latent attention
//   gates of experts and     one each       by turns        gpt-oss            is refused
//   what they multiply
//   numbers of xIELU         metadata       parameters      apertus            has none of them
//   rows of the embedding    of tokens      padded          gemma3             is refused if the
//                                                                              numbers differ
//   multipliers              in weights     beside them     falcon-h1          is refused
//   delta rules: Q, K, V     by kind        by key head     qwen3next          is refused
//   and their value heads    one of each    of a key head   qwen35, qwen35moe  is refused
//                            key head       together
//
// V where it is alone, O and the matrices of the FFN, gate and up in one too (chatglm, glm4, phi3),
// stand alike in all families.
namespace azimuth {
namespace {

// A key that changes what a block computes, if it is neither 0 nor `neutral`.
struct Refused {
  std::string_view key;
  double neutral = 0;
};
constexpr Refused kRefusedIntegers[] = {
    {"expert_count"},
    {.key = "expert_gating_func", .neutral = 1},  // softmax
    {.key = "expert_group_count", .neutral = 1},
    {"expert_shared_count"},
    {"leading_dense_block_count"},
};
constexpr Refused kRefusedReals[] = {
    {"attention.clamp_kqv"},
    {.key = "embedding_scale", .neutral = 1},
    {.key = "expert_weights_scale", .neutral = 1},
    {.key = "residual_scale", .neutral = 1},
};
constexpr std::string_view kNormalised = "expert_weights_norm";

}  // namespace

std::span<const GgufFamily> gguf_families() {
  static const std::vector<GgufFamily> families = [] {
    std::vector<GgufFamily> all;
    for (const auto& some : {gguf_dense_families(), gguf_gemma_families(), gguf_hybrid_families(),
                             gguf_mixture_families()}) {
      std::ranges::copy(some, std::back_inserter(all));
    }
    std::ranges::sort(all, {}, &GgufFamily::name);
    return all;
  }();
  return families;
}

void check_supported(const GgufFields& fields, const GgufFamily& family,
                     const Architecture& architecture) {
  const auto is_asked = [&](std::string_view key) {
    return fields.has(key) && std::ranges::find(family.reads, key) == family.reads.end();
  };
  const auto check = [&](const Refused& refused, double value) {
    if (value == 0 || value == refused.neutral) return;
    fields.fail(refused.key, "is not supported for " + std::string(family.name));
  };
  for (const Refused& refused : kRefusedIntegers) {
    if (is_asked(refused.key)) check(refused, static_cast<double>(fields.integer(refused.key)));
  }
  for (const Refused& refused : kRefusedReals) {
    if (is_asked(refused.key)) check(refused, fields.real(refused.key));
  }
  if (architecture.experts > 0 && is_asked(kNormalised) &&
      fields.flag(kNormalised, false) != architecture.routing.normalised) {
    fields.fail(kNormalised, "is not supported for " + std::string(family.name));
  }
}

RoleNames gguf_role_names(const GgufFields& fields, const Architecture& architecture) {
  // Falcon with two norms: that of the FFN has the name that other models give to attention's.
  if (architecture.name == "falcon" && fields.has_module(gguf_family::kFalconSecondNorm)) {
    return {.patterns = {{Role::attention_norm_weight, "blk.{}.attn_norm_2.weight"},
                         {Role::attention_norm_bias, "blk.{}.attn_norm_2.bias"},
                         {Role::ffn_norm_weight, "blk.{}.attn_norm.weight"},
                         {Role::ffn_norm_bias, "blk.{}.attn_norm.bias"}}};
  }
  return {};
}

}  // namespace azimuth
