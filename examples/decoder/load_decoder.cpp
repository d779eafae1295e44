#include "load_decoder.h"

#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "azimuth/gguf_file.h"
#include "azimuth/gguf_model.h"
#include "decoder.h"

namespace azimuth::examples {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kModelNames = {{
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kBlockNames = {{
    {"attn_norm.weight", "input_layernorm.weight"},
    {"attn_q.weight", "self_attn.q_proj.weight"},
    {"attn_k.weight", "self_attn.k_proj.weight"},
    {"attn_v.weight", "self_attn.v_proj.weight"},
    {"attn_output.weight", "self_attn.o_proj.weight"},
    {"ffn_norm.weight", "post_attention_layernorm.weight"},
    {"ffn_gate.weight", "mlp.gate_proj.weight"},
    {"ffn_up.weight", "mlp.up_proj.weight"},
    {"ffn_down.weight", "mlp.down_proj.weight"},
}};

/// From the names of a GGUF file to those of the parameters.
std::map<std::string, std::string> parameter_names(std::int64_t blocks) {
  std::map<std::string, std::string> names(kModelNames.begin(), kModelNames.end());
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::string number = std::to_string(block) + ".";
    for (const auto& [gguf, parameter] : kBlockNames) {
      names["blk." + number + std::string(gguf)] =
          "model.layers." + number + std::string(parameter);
    }
  }
  return names;
}

DecoderConfig config_of(const GgufFile& file, const NamedTensors& tensors) {
  const auto tensor = [&](std::string_view name) {
    return std::ranges::find(tensors.tensors, name, &NamedTensor::name);
  };
  const auto embedding = tensor("token_embd.weight");
  if (embedding == tensors.tensors.end() || embedding->view.shape.size() != 2) {
    throw FileError(file.path(), "tensor token_embd.weight", "is missing or not a matrix");
  }
  DecoderConfig config;
  config.hidden = file.integer("llama.embedding_length");
  config.ffn = file.integer("llama.feed_forward_length");
  config.blocks = file.integer("llama.block_count");
  config.heads = file.integer("llama.attention.head_count");
  config.kv_heads = file.integer("llama.attention.head_count_kv");
  config.vocab = embedding->view.shape[0];
  config.norm_epsilon = file.real("llama.attention.layer_norm_rms_epsilon");
  if (file.has("llama.rope.freq_base")) config.rope_theta = file.real("llama.rope.freq_base");
  config.tied_head = tensor("output.weight") == tensors.tensors.end();

  const auto per_block = static_cast<std::int64_t>(kBlockNames.size());
  const bool possible =
      config.heads > 0 && config.kv_heads > 0 && config.heads % config.kv_heads == 0 &&
      config.hidden == embedding->view.shape[1] && config.hidden % (2 * config.heads) == 0 &&
      config.ffn > 0 && config.blocks > 0 &&
      config.blocks <= static_cast<std::int64_t>(tensors.tensors.size()) / per_block;
  if (!possible) throw FileError(file.path(), "metadata", "sizes that no LLaMA can have");
  return config;
}

/// GGUF's writer of LLaMA models interleaves the two halves of each head of Q and K, since its
/// readers turn neighbouring coordinates together.
torch::Tensor uninterleaved(const torch::Tensor& weight, std::int64_t heads) {
  return weight.view({heads, weight.size(0) / heads / 2, 2, weight.size(1)})
      .transpose(1, 2)
      .reshape(weight.sizes());
}

}  // namespace

LoadedDecoder load_decoder(const std::filesystem::path& gguf) {
  const GgufFile file = GgufFile::open(gguf);
  Architecture architecture = architecture_from_gguf(file);
  if (architecture.name != "llama") {
    throw FileError(file.path(), "metadata", "the architecture is not llama");
  }
  const NamedTensors tensors = file.tensors();
  const DecoderConfig config = config_of(file, tensors);
  Decoder decoder(config);
  auto parameters = decoder->named_parameters();
  const auto names = parameter_names(config.blocks);

  const torch::NoGradGuard no_grad;
  std::set<std::string> missing;
  for (const auto& parameter : parameters) missing.insert(parameter.key());
  for (const NamedTensor& tensor : tensors.tensors) {
    const auto name = names.find(tensor.name);
    torch::Tensor* parameter = name == names.end() ? nullptr : parameters.find(name->second);
    if (!parameter) {
      throw FileError(file.path(), "tensor " + tensor.name, "has no place in this decoder");
    }
    if (!std::ranges::equal(parameter->sizes(), tensor.view.shape)) {
      throw FileError(file.path(), "tensor " + tensor.name, "has another shape than expected");
    }
    unpack(tensor.view, 0, tensor.view.rows(), parameter->data_ptr<float>());
    if (tensor.name.ends_with("attn_q.weight")) {
      parameter->copy_(uninterleaved(*parameter, config.heads));
    } else if (tensor.name.ends_with("attn_k.weight")) {
      parameter->copy_(uninterleaved(*parameter, config.kv_heads));
    }
    missing.erase(name->second);
  }
  if (!missing.empty()) throw FileError(file.path(), "parameter " + *missing.begin(), "is missing");
  return {decoder.ptr(), config, std::move(architecture)};
}

}  // namespace azimuth::examples
