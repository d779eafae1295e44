#include "gguf/gguf_family_fields.h"

#include <string>

namespace azimuth::gguf_family {

double positive(Fields fields, std::string_view key) {
  constexpr double kMax = 1e6;
  const double value = fields.real(key);
  if (!(value > 0 && value <= kMax)) {
    fields.fail(key, "is " + std::to_string(value) + "; more than 0 and up to 1e6 is allowed");
  }
  return value;
}

void read_rms_norm(Fields fields, Architecture& a) {
  a.norm = NormKind::rms;
  a.norm_epsilon = fields.real("attention.layer_norm_rms_epsilon");
}

void read_plain(Fields fields, Architecture& a, Activation activation) {
  a.norm = NormKind::layer;
  a.norm_epsilon = fields.real("attention.layer_norm_epsilon");
  a.activation = activation;
  a.gated_ffn = false;
}

void read_clip(Fields fields, Architecture& a) {
  if (fields.has("attention.clamp_kqv")) a.qkv_clip = fields.real("attention.clamp_kqv");
}

// 0 is none, as in llama.cpp.
void read_granite_multipliers(Fields fields, Architecture& a) {
  const auto read = [&](std::string_view key) {
    return fields.has(key) && fields.real(key) != 0 ? positive(fields, key) : 1;
  };
  a.embedding_multiplier = read("embedding_scale");
  a.multipliers.attention_output = a.multipliers.ffn_output = read("residual_scale");
}

void read_experts(Fields fields, Architecture& a) {
  a.experts = fields.count("expert_count", kMaxExperts);
  a.routing.experts_per_token = fields.count("expert_used_count", a.experts);
}

Routing::Score read_score(Fields fields) {
  const std::int64_t function = fields.has(kScore) ? fields.integer(kScore) : 2;
  if (function != 1 && function != 2) {
    fields.fail(kScore, "is " + std::to_string(function) + "; 1 and 2 are supported");
  }
  return function == 1 ? Routing::Score::softmax : Routing::Score::sigmoid;
}

void read_grouped_routing(Fields fields, Architecture& a) {
  read_experts(fields, a);
  Routing& routing = a.routing;
  routing.score = read_score(fields);
  routing.choice_bias = true;
  routing.normalised = fields.flag("expert_weights_norm", false);
  constexpr std::string_view scale = "expert_weights_scale";
  if (fields.has(scale) && fields.real(scale) != 0) routing.scale = fields.real(scale);
  const auto count = [&](std::string_view key) {
    return fields.has(key) && fields.integer(key) != 0 ? fields.count(key, a.experts) : 1;
  };
  routing.groups = count("expert_group_count");
  routing.groups_per_token = count("expert_group_used_count");
}

}  // namespace azimuth::gguf_family
