// A test holds this list to the models whose logits are compared with Transformers'.

#include "azimuth/decoder.h"

namespace azimuth {
namespace {

constexpr std::string_view kFamilies[] = {"apertus",
                                          "arcee",
                                          "bamba",
                                          "bloom",
                                          "cohere",
                                          "cohere2",
                                          "deepseek_v2",
                                          "deepseek_v3",
                                          "dots1",
                                          "ernie4_5",
                                          "ernie4_5_moe",
                                          "exaone4",
                                          "falcon",
                                          "gemma",
                                          "gemma2",
                                          "gemma3_text",
                                          "glm",
                                          "glm4",
                                          "glm4_moe",
                                          "gpt2",
                                          "gpt_neo",
                                          "gpt_neox",
                                          "gpt_oss",
                                          "gptj",
                                          "granite",
                                          "granitemoe",
                                          "hunyuan_v1_dense",
                                          "jamba",
                                          "lfm2",
                                          "llama",
                                          "minimax_m2",
                                          "ministral",
                                          "mistral",
                                          "mixtral",
                                          "mpt",
                                          "nemotron",
                                          "nemotron_h",
                                          "olmo",
                                          "olmo2",
                                          "olmo3",
                                          "olmoe",
                                          "opt",
                                          "phi",
                                          "phi3",
                                          "phimoe",
                                          "qwen2",
                                          "qwen2_moe",
                                          "qwen3",
                                          "qwen3_5_moe_text",
                                          "qwen3_5_text",
                                          "qwen3_moe",
                                          "qwen3_next",
                                          "seed_oss",
                                          "smollm3",
                                          "stablelm",
                                          "starcoder2"};

}  // namespace

std::span<const std::string_view> Decoder::families() { return kFamilies; }

}  // namespace azimuth
