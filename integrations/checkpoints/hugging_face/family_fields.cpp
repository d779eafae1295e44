#include "hugging_face/family_fields.h"

#include <utility>

#include "azimuth/activation.h"
#include "hugging_face/hugging_face_families.h"

namespace azimuth::family {
namespace {

void without(Config config, std::string reason, std::vector<Role> roles) {
  config.without_biases.push_back({std::move(roles), std::move(reason)});
}

}  // namespace

void read_activation(Fields fields, Config config, std::string_view key,
                     std::string_view otherwise) {
  const std::string_view name = fields.text(key, otherwise);
  if (const auto activation = activation_named(name)) {
    config.architecture.activation = *activation;
    return;
  }
  std::string list;
  for (const Activation activation : kActivations) {
    for (const std::string_view known : configured_names(activation)) {
      list += (list.empty() ? "" : ", ") + std::string(known);
    }
  }
  fields.fail(key, "'" + std::string(name) + "' is not supported; supported are " + list);
}

void read_kv_heads(Fields fields, Config config, std::int64_t otherwise) {
  constexpr std::string_view key = "num_key_value_heads";
  if (otherwise == 0 || fields.is_null(key)) otherwise = config.architecture.heads;
  config.architecture.kv_heads = fields.count({key}, otherwise, kMaxHeads);
}

void read_head_size(Fields fields, Config config, std::int64_t otherwise) {
  constexpr std::string_view key = "head_dim";
  if (fields.is_null(key)) otherwise = 0;
  config.architecture.head_size = fields.count({key}, otherwise, kMaxHeadSize);
}

void read_norm(Fields fields, Config config, NormKind kind, std::string_view key,
               double otherwise) {
  config.architecture.norm = kind;
  config.architecture.norm_epsilon = fields.real(key, otherwise, 1);
}

void read_biases(Fields fields, Config config, std::string_view key, bool otherwise,
                 std::vector<Role> roles) {
  if (!fields.flag(key, otherwise))
    without(config, std::string(key) + " is false", std::move(roles));
}

void never(Config config, std::vector<Role> roles) {
  without(config, config.architecture.name + " computes without them", std::move(roles));
}

void read_ffn_size(Fields fields, Config config, std::string_view key, std::int64_t otherwise) {
  config.ffn_size = fields.count({key}, otherwise, kMaxFfnSize);
}

void read_granite_multipliers(Fields fields, Config config) {
  Architecture& a = config.architecture;
  a.embedding_multiplier = fields.real("embedding_multiplier", 1, kMaxScale);
  a.multipliers.attention_output = fields.real("residual_multiplier", 1, kMaxScale);
  a.multipliers.ffn_output = a.multipliers.attention_output;
}

void leave_experts_out(Config config) {
  Architecture& a = config.architecture;
  a.experts = a.expert_latent_size = 0;
  a.routing = {};
  a.shared_expert = a.shared_expert_gate = false;
  config.expert_size = config.shared_expert_size = 0;
}

void read_like_llama(Fields fields, Config config, LlamaDefaults defaults) {
  read_kv_heads(fields, config, defaults.kv_heads);
  read_head_size(fields, config, defaults.head_size);
  read_norm(fields, config, NormKind::rms, "rms_norm_eps", defaults.epsilon);
  read_activation(fields, config, "hidden_act", defaults.activation);
  read_ffn_size(fields, config, "intermediate_size", defaults.ffn_size);
}

}  // namespace azimuth::family
