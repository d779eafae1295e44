#include <algorithm>
#include <charconv>
#include <set>
#include <stdexcept>

#include "azimuth/model_weights.h"

namespace azimuth {
namespace {

struct NamePattern {
  Role role;
  const char* pattern;  // {}: the number of the block, from 0
};

// Hugging Face, Meta and GGUF names of one family. A new architecture is a new table.
constexpr NamePattern kLlamaNames[] = {
    {Role::token_embedding, "embed_tokens.weight"},
    {Role::attention_norm_weight, "layers.{}.input_layernorm.weight"},
    {Role::query_weight, "layers.{}.self_attn.q_proj.weight"},
    {Role::key_weight, "layers.{}.self_attn.k_proj.weight"},
    {Role::value_weight, "layers.{}.self_attn.v_proj.weight"},
    {Role::output_weight, "layers.{}.self_attn.o_proj.weight"},
    {Role::ffn_norm_weight, "layers.{}.post_attention_layernorm.weight"},
    {Role::gate_weight, "layers.{}.mlp.gate_proj.weight"},
    {Role::up_weight, "layers.{}.mlp.up_proj.weight"},
    {Role::down_weight, "layers.{}.mlp.down_proj.weight"},
    {Role::final_norm_weight, "norm.weight"},
    {Role::head_weight, "lm_head.weight"},

    {Role::token_embedding, "tok_embeddings.weight"},
    {Role::attention_norm_weight, "layers.{}.attention_norm.weight"},
    {Role::query_weight, "layers.{}.attention.wq.weight"},
    {Role::key_weight, "layers.{}.attention.wk.weight"},
    {Role::value_weight, "layers.{}.attention.wv.weight"},
    {Role::output_weight, "layers.{}.attention.wo.weight"},
    {Role::ffn_norm_weight, "layers.{}.ffn_norm.weight"},
    {Role::gate_weight, "layers.{}.feed_forward.w1.weight"},
    {Role::up_weight, "layers.{}.feed_forward.w3.weight"},
    {Role::down_weight, "layers.{}.feed_forward.w2.weight"},
    {Role::head_weight, "output.weight"},

    {Role::token_embedding, "token_embd.weight"},
    {Role::attention_norm_weight, "blk.{}.attn_norm.weight"},
    {Role::query_weight, "blk.{}.attn_q.weight"},
    {Role::key_weight, "blk.{}.attn_k.weight"},
    {Role::value_weight, "blk.{}.attn_v.weight"},
    {Role::output_weight, "blk.{}.attn_output.weight"},
    {Role::ffn_norm_weight, "blk.{}.ffn_norm.weight"},
    {Role::gate_weight, "blk.{}.ffn_gate.weight"},
    {Role::up_weight, "blk.{}.ffn_up.weight"},
    {Role::down_weight, "blk.{}.ffn_down.weight"},
    {Role::final_norm_weight, "output_norm.weight"},
};

// Hugging Face and nanoGPT share their names; without the prefix they are the checkpoint's own.
constexpr NamePattern kGpt2Names[] = {
    {Role::token_embedding, "wte.weight"},
    {Role::position_embedding, "wpe.weight"},
    {Role::attention_norm_weight, "h.{}.ln_1.weight"},
    {Role::attention_norm_bias, "h.{}.ln_1.bias"},
    {Role::query_key_value_weight, "h.{}.attn.c_attn.weight"},
    {Role::query_key_value_bias, "h.{}.attn.c_attn.bias"},
    {Role::output_weight, "h.{}.attn.c_proj.weight"},
    {Role::output_bias, "h.{}.attn.c_proj.bias"},
    {Role::ffn_norm_weight, "h.{}.ln_2.weight"},
    {Role::ffn_norm_bias, "h.{}.ln_2.bias"},
    {Role::up_weight, "h.{}.mlp.c_fc.weight"},
    {Role::up_bias, "h.{}.mlp.c_fc.bias"},
    {Role::down_weight, "h.{}.mlp.c_proj.weight"},
    {Role::down_bias, "h.{}.mlp.c_proj.bias"},
    {Role::final_norm_weight, "ln_f.weight"},
    {Role::final_norm_bias, "ln_f.bias"},
    {Role::head_weight, "lm_head.weight"},

    {Role::token_embedding, "token_embd.weight"},
    {Role::position_embedding, "position_embd.weight"},
    {Role::attention_norm_weight, "blk.{}.attn_norm.weight"},
    {Role::attention_norm_bias, "blk.{}.attn_norm.bias"},
    {Role::query_key_value_weight, "blk.{}.attn_qkv.weight"},
    {Role::query_key_value_bias, "blk.{}.attn_qkv.bias"},
    {Role::output_weight, "blk.{}.attn_output.weight"},
    {Role::output_bias, "blk.{}.attn_output.bias"},
    {Role::ffn_norm_weight, "blk.{}.ffn_norm.weight"},
    {Role::ffn_norm_bias, "blk.{}.ffn_norm.bias"},
    {Role::up_weight, "blk.{}.ffn_up.weight"},
    {Role::up_bias, "blk.{}.ffn_up.bias"},
    {Role::down_weight, "blk.{}.ffn_down.weight"},
    {Role::down_bias, "blk.{}.ffn_down.bias"},
    {Role::final_norm_weight, "output_norm.weight"},
    {Role::final_norm_bias, "output_norm.bias"},
    {Role::head_weight, "output.weight"},
};

// What frameworks put before the names of the model proper, one or several.
constexpr std::string_view kPrefixes[] = {"module.", "_orig_mod.", "transformer.", "model."};

std::span<const NamePattern> names_of(const Architecture& architecture) {
  if (architecture.name == "llama") return kLlamaNames;
  if (architecture.name == "gpt2") return kGpt2Names;
  throw std::invalid_argument("azimuth: unknown architecture '" + architecture.name +
                              "'; known are gpt2, llama");
}

// The block that `name` stands for if it is `pattern` (from 1; 0 where the pattern has none), else
// -1.
std::int64_t match(std::string_view name, std::string_view pattern) {
  const std::size_t hole = pattern.find("{}");
  if (hole == std::string_view::npos) return name == pattern ? 0 : -1;
  const std::string_view head = pattern.substr(0, hole);
  const std::string_view tail = pattern.substr(hole + 2);
  if (name.size() <= head.size() + tail.size() || !name.starts_with(head) ||
      !name.ends_with(tail)) {
    return -1;
  }
  const std::string_view number = name.substr(head.size(), name.size() - head.size() - tail.size());
  std::int64_t block = -1;
  const auto [end, error] = std::from_chars(number.begin(), number.end(), block);
  return error == std::errc() && end == number.end() && block >= 0 && block < 100'000 ? block + 1
                                                                                      : -1;
}

std::vector<Role> required_in_block(const Architecture& architecture) {
  std::vector<Role> roles = {Role::attention_norm_weight, Role::value_weight, Role::output_weight,
                             Role::ffn_norm_weight,       Role::up_weight,    Role::down_weight};
  if (architecture.gated_ffn) roles.push_back(Role::gate_weight);
  return roles;
}

std::string list_of_names(std::span<const NamedTensor> tensors) {
  constexpr std::size_t kShown = 12;
  std::string list;
  for (std::size_t i = 0; i < std::min(tensors.size(), kShown); ++i) {
    list += (i == 0 ? "" : ", ") + tensors[i].name;
  }
  if (tensors.size() > kShown) list += ", ... (" + std::to_string(tensors.size()) + " in all)";
  return list.empty() ? "none" : list;
}

void check_complete(const Architecture& architecture, std::span<const BoundTensor> bound,
                    std::span<const NamedTensor> tensors) {
  std::set<std::pair<std::int64_t, Role>> have;
  std::int64_t blocks = 0;
  for (const BoundTensor& tensor : bound) {
    const Role role =
        tensor.role == Role::query_key_value_weight ? Role::value_weight : tensor.role;
    have.insert({tensor.block, role});
    blocks = std::max(blocks, tensor.block);
  }
  std::vector<std::string> missing;
  const auto require = [&](std::int64_t block, Role role) {
    if (have.contains({block, role})) return;
    missing.push_back(std::string(name_of(role)) +
                      (block > 0 ? " of block " + std::to_string(block) : ""));
  };
  require(0, Role::token_embedding);
  if (architecture.learned_positions) require(0, Role::position_embedding);
  for (std::int64_t block = 1; block <= std::max<std::int64_t>(blocks, 1); ++block) {
    for (Role role : required_in_block(architecture)) require(block, role);
  }
  if (missing.empty()) return;
  std::string message = "azimuth: architecture " + architecture.name + ": no parameter for ";
  constexpr std::size_t kShown = 8;
  for (std::size_t i = 0; i < std::min(missing.size(), kShown); ++i) {
    message += (i == 0 ? "" : ", ") + missing[i];
  }
  if (missing.size() > kShown)
    message += " and " + std::to_string(missing.size() - kShown) + " more";
  throw std::invalid_argument(message + "; parameters found: " + list_of_names(tensors));
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::token_embedding:
      return "token_embedding";
    case Role::position_embedding:
      return "position_embedding";
    case Role::attention_norm_weight:
      return "attention_norm_weight";
    case Role::attention_norm_bias:
      return "attention_norm_bias";
    case Role::query_weight:
      return "query_weight";
    case Role::query_bias:
      return "query_bias";
    case Role::key_weight:
      return "key_weight";
    case Role::key_bias:
      return "key_bias";
    case Role::value_weight:
      return "value_weight";
    case Role::value_bias:
      return "value_bias";
    case Role::query_key_value_weight:
      return "query_key_value_weight";
    case Role::query_key_value_bias:
      return "query_key_value_bias";
    case Role::output_weight:
      return "output_weight";
    case Role::output_bias:
      return "output_bias";
    case Role::ffn_norm_weight:
      return "ffn_norm_weight";
    case Role::ffn_norm_bias:
      return "ffn_norm_bias";
    case Role::gate_weight:
      return "gate_weight";
    case Role::up_weight:
      return "up_weight";
    case Role::up_bias:
      return "up_bias";
    case Role::down_weight:
      return "down_weight";
    case Role::down_bias:
      return "down_bias";
    case Role::final_norm_weight:
      return "final_norm_weight";
    case Role::final_norm_bias:
      return "final_norm_bias";
    case Role::head_weight:
      return "head_weight";
  }
  return "unknown";
}

bool is_read_by_pass(Role role) {
  switch (role) {
    case Role::query_weight:
    case Role::query_bias:
    case Role::key_weight:
    case Role::key_bias:
    case Role::final_norm_weight:
    case Role::final_norm_bias:
    case Role::head_weight:
      return false;
    default:
      return true;
  }
}

std::vector<BoundTensor> bind_roles(const Architecture& architecture,
                                    std::span<const NamedTensor> tensors, const RoleNames& extra) {
  std::vector<BoundTensor> bound;
  const auto try_bind = [&](std::size_t index, Role role, std::string_view name,
                            std::string_view pattern) {
    const std::int64_t block = match(name, pattern);
    if (block < 0) return false;
    bound.push_back({role, block, index});
    return true;
  };
  const std::span<const NamePattern> patterns = names_of(architecture);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::string_view name = tensors[i].name;
    const bool mapped = std::ranges::any_of(
        extra, [&](const auto& e) { return try_bind(i, e.first, name, e.second); });
    if (mapped) continue;
    std::string_view rest = name;
    const auto try_rest = [&] {
      return std::ranges::any_of(patterns, [&](const NamePattern& p) {
        return !extra.contains(p.role) && try_bind(i, p.role, rest, p.pattern);
      });
    };
    while (!try_rest()) {
      const auto prefix =
          std::ranges::find_if(kPrefixes, [&](std::string_view p) { return rest.starts_with(p); });
      if (prefix == std::end(kPrefixes)) break;
      rest.remove_prefix(prefix->size());
    }
  }
  std::ranges::sort(bound, {}, [](const BoundTensor& b) { return std::pair(b.block, b.role); });
  const auto twice = std::ranges::adjacent_find(
      bound, {}, [](const BoundTensor& b) { return std::pair(b.block, b.role); });
  if (twice != bound.end()) {
    throw std::invalid_argument("azimuth: parameters " + tensors[twice->tensor].name + " and " +
                                tensors[std::next(twice)->tensor].name + " both play the role of " +
                                std::string(name_of(twice->role)));
  }
  check_complete(architecture, bound, tensors);
  return bound;
}

}  // namespace azimuth
