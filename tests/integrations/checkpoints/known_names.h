#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "azimuth/architecture.h"

namespace azimuth::testing {

inline std::string sorted_list(std::vector<std::string> names) {
  std::ranges::sort(names);
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

/// The known architectures as a config.json calls them, and as messages list them.
inline std::string known_to_hugging_face() {
  std::vector<std::string> names = Architecture::known();
  // What sees too, and the text parts that are a family under another name.
  for (const char* name : {"gemma3", "granitemoeshared", "kimi_k2", "llava", "llava_next",
                           "mistral3", "qwen2_5_vl", "qwen2_5_vl_text", "qwen2_vl", "qwen2_vl_text",
                           "qwen3_vl", "qwen3_vl_moe", "qwen3_vl_moe_text", "qwen3_vl_text"}) {
    names.emplace_back(name);
  }
  for (const char* name : {"gemma3n", "gemma4", "llama4", "qwen3_5", "qwen3_5_moe"}) {
    if (std::ranges::count(names, std::string(name) + "_text") > 0) names.emplace_back(name);
  }
  return sorted_list(std::move(names));
}

/// As GGUF calls them. A family that llama.cpp does not have, or has under another name, is an
/// entry here.
inline std::vector<std::string> known_to_gguf() {
  // clang-format off
  const std::map<std::string, std::string> otherwise = {
      {"bamba", "granitehybrid"},
      {"cohere", "command-r"},
      {"deepseek_v2", "deepseek2"},
      {"deepseek_v3", "deepseek2"},
      {"ernie4_5_moe", "ernie4_5-moe"},
      {"falcon_h1", "falcon-h1"},
      {"gemma3_text", "gemma3"},
      {"gemma3n_text", "gemma3n"},
      {"gemma4_text", "gemma4"},
      {"glm", "chatglm"},
      {"glm4_moe", "glm4moe"},
      {"gpt_neo", ""},
      {"gpt_neox", "gptneox"},
      {"gpt_oss", "gpt-oss"},
      {"gptj", ""},
      {"hunyuan_v1_dense", "hunyuan-dense"},
      {"llama4_text", "llama4"},
      {"minimax_m2", "minimax-m2"},
      {"ministral", "llama"},
      {"ministral3", "mistral3"},
      {"mistral", "llama"},
      {"mixtral", "llama"},
      {"nemotron_h", "nemotron_h_moe"},
      {"olmo3", "olmo2"},
      {"opt", ""},
      {"phi", "phi2"},
      {"qwen2_moe", "qwen2moe"},
      {"qwen3_5_moe_text", "qwen35moe"},
      {"qwen3_5_text", "qwen35"},
      {"qwen3_moe", "qwen3moe"},
      {"qwen3_next", "qwen3next"},
  };
  // clang-format on
  std::vector<std::string> names;
  for (const std::string& name : Architecture::known()) {
    const auto found = otherwise.find(name);
    names.push_back(found == otherwise.end() ? name : found->second);
  }
  // Text parts that are a family under another name, and one without experts.
  names.insert(names.end(), {"nemotron_h", "qwen2vl", "qwen3vl", "qwen3vlmoe"});
  std::ranges::sort(names);
  names.erase(names.begin(), std::ranges::upper_bound(names, std::string()));
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

}  // namespace azimuth::testing
