#include "gguf/gguf_family_fields.h"

#include <string>

namespace azimuth::gguf_family {
namespace {

Routing::Score score_of(Fields fields) {
  constexpr std::string_view key = "expert_gating_func";
  const std::int64_t function = fields.has(key) ? fields.integer(key) : 2;
  if (function != 1 && function != 2) {
    fields.fail(key, "is " + std::to_string(function) + "; 1 and 2 are supported");
  }
  return function == 1 ? Routing::Score::softmax : Routing::Score::sigmoid;
}

}  // namespace

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

void read_experts(Fields fields, Architecture& a) {
  a.experts = fields.count("expert_count", kMaxExperts);
  a.routing.experts_per_token = fields.count("expert_used_count", a.experts);
}

void read_grouped_routing(Fields fields, Architecture& a) {
  read_experts(fields, a);
  Routing& routing = a.routing;
  routing.score = score_of(fields);
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
