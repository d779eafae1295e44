#include "gguf/gguf_family_fields.h"

namespace azimuth::gguf_family {

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

}  // namespace azimuth::gguf_family
