#include <string_view>

#include "gguf/gguf_family_fields.h"

namespace azimuth {
namespace {

using namespace gguf_family;

void read_apertus(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.activation = Activation::xielu;
  a.gated_ffn = false;
}

void read_arcee(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.activation = Activation::relu2;
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

// Command R. Its norms have no biases.
void read_cohere(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::silu);
  a.gated_ffn = true;
  a.parallel = true;
  a.shared_norm = true;
}

void read_glm4(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.norm_placement = NormPlacement::sandwich;
}

void read_gpt2(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::gelu_tanh);
  a.learned_positions = true;
}

void read_gpt_neox(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::gelu);
  a.parallel = fields.flag("use_parallel_residual", true);
}

void read_granite(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  read_granite_multipliers(fields, a);
}

void read_mpt(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::gelu);
  read_clip(fields, a);
  a.learned_positions = fields.has_tensor("position_embd.weight");
}

void read_exaone4(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.norm_placement = NormPlacement::after;
}

// The converter has added Nemotron's 1 to the weights of its norms.
void read_nemotron(Fields fields, Architecture& a) { read_plain(fields, a, Activation::relu2); }

void read_olmo(Fields fields, Architecture& a) {
  read_plain(fields, a, Activation::silu);
  a.gated_ffn = true;
  a.bare_norms = true;
  read_clip(fields, a);
}

// OLMo 3 too, which alone has windows.
void read_olmo2(Fields fields, Architecture& a) {
  read_rms_norm(fields, a);
  a.norm_placement = NormPlacement::after;
  if (fields.has("attention.sliding_window")) a.name = "olmo3";
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
    {"apertus", "apertus", read_apertus},
    {"arcee", "arcee", read_arcee},
    {"bloom", "bloom", read_bloom},
    {"chatglm", "glm", read_rms_norm},
    {"cohere2", "cohere2", read_cohere},
    {"command-r", "cohere", read_cohere},
    {"ernie4_5", "ernie4_5", read_rms_norm},
    {"exaone4", "exaone4", read_exaone4},
    {"falcon", "falcon", read_falcon},
    {"glm4", "glm4", read_glm4},
    {"gpt2", "gpt2", read_gpt2},
    {"gptneox", "gpt_neox", read_gpt_neox},
    {"granite", "granite", read_granite, kGraniteMultipliers},
    {"hunyuan-dense", "hunyuan_v1_dense", read_rms_norm},
    {"mistral3", "ministral3", read_rms_norm},
    {"mpt", "mpt", read_mpt, kClip},
    {"nemotron", "nemotron", read_nemotron},
    {"olmo", "olmo", read_olmo, kClip},
    {"olmo2", "olmo2", read_olmo2},
    {"phi2", "phi", read_phi2},
    {"phi3", "phi3", read_rms_norm},
    {"qwen2", "qwen2", read_rms_norm},
    {"qwen2vl", "qwen2", read_rms_norm},
    {"qwen3", "qwen3", read_rms_norm},
    {"qwen3vl", "qwen3", read_rms_norm},
    {"seed_oss", "seed_oss", read_rms_norm},
    {"smollm3", "smollm3", read_rms_norm},
    {"stablelm", "stablelm", read_stablelm},
    {"starcoder2", "starcoder2", read_starcoder2},
};

}  // namespace

std::span<const GgufFamily> gguf_dense_families() { return kFamilies; }

}  // namespace azimuth
