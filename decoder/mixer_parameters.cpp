#include "mixer_parameters.h"

#include <cstddef>
#include <string>
#include <variant>

namespace azimuth {
namespace {

using enum Role;

class Walk {
 public:
  explicit Walk(MixerParts& parts) : parts_(parts) {}

  void norm(Role weight, Role bias, const Norm& norm) {
    vector(weight, norm.weight);
    vector(bias, norm.bias);
  }

  std::string operator()(const Attention& attention) {
    if (!attention.scores) return "its attention has no scores";
    if (!attention.value || attention.shared_values > 0) return "its blocks share values";
    const AttentionScores& scores = *attention.scores;
    const std::string why = why_not_turned(scores.reach, scores.head_size);
    if (!why.empty()) return why;
    const bool sinks = scores.sinks.size() > 0;
    projection(sinks ? sink_query_weight : query_weight, sinks ? sink_query_bias : query_bias,
               scores.query);
    projection(sinks ? sink_key_weight : key_weight, sinks ? sink_key_bias : key_bias, scores.key);
    query_or_key_norm(query_norm_weight, query_norm_bias, scores.query_norm, scores);
    query_or_key_norm(key_norm_weight, key_norm_bias, scores.key_norm, scores);
    vector(Role::sinks, scores.sinks);
    projection(value_weight, value_bias, attention.value);
    projection(query_gate_weight, query_gate_bias, attention.gate);
    inner(output_weight, output_bias, attention.output);
    return "";
  }

  std::string operator()(const LatentAttention& attention) {
    if (!attention.scores) return "its attention has no scores";
    const LatentScores& scores = *attention.scores;
    const std::string why = why_not_turned(scores.reach, scores.turning_size);
    if (!why.empty()) return why;
    projection(latent_query_weight, latent_query_bias, scores.query_latent);
    vector(latent_query_norm_weight, scores.query_norm.weight);
    if (scores.query_latent) {
      inner(latent_query_output_weight, query_bias, scores.query);
    } else {
      projection(query_weight, query_bias, scores.query);
    }
    projection(key_weight, key_bias, scores.turning_key);
    projection(latent_weight, latent_bias, attention.latent);
    vector(latent_norm_weight, attention.norm.weight);
    inner(latent_key_weight, key_bias, scores.key);
    inner(latent_value_weight, value_bias, attention.value);
    inner(output_weight, output_bias, attention.output);
    return "";
  }

  std::string operator()(const FeedForward& ffn) {
    feed_forward(ffn, -1, /*of_norm=*/true);
    return "";
  }

  std::string operator()(const Experts& mixture) {
    if (mixture.norms.any()) return "its mixtures have norms of their own";
    projection(router_weight, router_bias, mixture.router);
    vector(router_choice_bias, mixture.choice_bias);
    projection(experts_input_weight, experts_input_bias, mixture.input);
    inner(experts_output_weight, experts_output_bias, mixture.output);
    for (std::size_t expert = 0; expert < mixture.experts.size(); ++expert) {
      feed_forward(mixture.experts[expert], static_cast<std::int64_t>(expert), !mixture.input);
    }
    if (mixture.shared) {
      const FeedForward& shared = *mixture.shared;
      projection(shared_gate_weight, gate_bias, shared.gate);
      projection(shared_up_weight, shared_up_bias, shared.up);
      inner(shared_down_weight, shared_down_bias, shared.down);
    }
    projection(shared_router_weight, router_bias, mixture.shared_gate);
    return "";
  }

  std::string operator()(const DeltaRule& rule) {
    projection(recurrent_input_weight, recurrent_input_bias, rule.input);
    convolution(rule.convolution);
    projection(recurrent_strength_weight, recurrent_input_bias, rule.strength);
    projection(recurrent_decay_weight, recurrent_input_bias, rule.decay);
    vector(recurrent_decay_bias, rule.decay_bias);
    vector(recurrent_decay, rule.decay_rate);
    vector(recurrent_norm_weight, rule.norm.weight);
    projection(recurrent_gate_weight, recurrent_input_bias, rule.gate);
    inner(recurrent_output_weight, recurrent_output_bias, rule.output);
    return "";
  }

  std::string operator()(const StateSpace& space) {
    projection(recurrent_input_weight, recurrent_input_bias, space.input);
    convolution(space.convolution);
    vector(step_bias, space.step_bias);
    vector(recurrent_decay, space.decay_rate);
    vector(skip, space.skip);
    vector(recurrent_norm_weight, space.norm.weight);
    inner(recurrent_output_weight, recurrent_output_bias, space.output);
    return "";
  }

  std::string operator()(const SelectiveStateSpace& space) {
    projection(recurrent_input_weight, recurrent_input_bias, space.input);
    convolution(space.convolution);
    inner(state_parameters_weight, recurrent_input_bias, space.parameters);
    vector(step_norm_weight, space.step_norm.weight);
    vector(state_write_norm_weight, space.write_norm.weight);
    vector(state_read_norm_weight, space.read_norm.weight);
    inner(step_weight, step_bias, space.step);
    vector(recurrent_decay, space.decay_rate, space.inner_size);
    vector(skip, space.skip);
    inner(recurrent_output_weight, recurrent_output_bias, space.output);
    return "";
  }

  std::string operator()(const ShortConvolution& mixer) {
    projection(recurrent_input_weight, recurrent_input_bias, mixer.input);
    convolution(mixer.convolution);
    inner(recurrent_output_weight, recurrent_output_bias, mixer.output);
    return "";
  }

  std::string operator()(const LowRankResidual&) { return "it has residuals of low rank"; }
  std::string operator()(const PerLayerInput&) { return "tokens' ids give its blocks inputs"; }

 private:
  static std::string why_not_turned(const AttentionReach& reach, std::int64_t size) {
    if (!reach.rotary) return "";
    const std::string why = why_not(*reach.rotary, size);
    return why.empty() ? "" : "its rotary positions: " + why;
  }
  void projection(Role weight, Role bias, const Projection& projection, std::int64_t member = -1,
                  bool of_norm = true) {
    if (projection) parts_.projection(weight, bias, member, projection, of_norm);
  }
  // Reads what others have given.
  void inner(Role weight, Role bias, const Projection& projection) {
    this->projection(weight, bias, projection, -1, /*of_norm=*/false);
  }
  void vector(Role role, const Eigen::VectorXf& vector, std::int64_t rows = 1) {
    if (vector.size() > 0) parts_.vector(role, vector, rows);
  }
  // Heads' own weights are a row each.
  void query_or_key_norm(Role weight, Role bias, const Norm& norm, const AttentionScores& scores) {
    const std::int64_t rows = scores.norms_of_all ? 1 : norm.weight.size() / scores.head_size;
    vector(weight, norm.weight, rows);
    vector(bias, norm.bias);
  }
  void convolution(const Convolution& convolution) {
    vector(convolution_weight, convolution.taps, convolution.tap.size());
    vector(convolution_bias, convolution.bias);
  }
  void feed_forward(const FeedForward& ffn, std::int64_t member, bool of_norm) {
    projection(gate_weight, gate_bias, ffn.gate, member, of_norm);
    projection(up_weight, up_bias, ffn.up, member, of_norm);
    projection(down_weight, down_bias, ffn.down, member, /*of_norm=*/false);
  }

  MixerParts& parts_;
};

}  // namespace

std::string walk(const Mixer& mixer, bool alone, MixerParts& parts) {
  Walk walk(parts);
  if (mixer.mixes_tokens() || alone) {
    walk.norm(attention_norm_weight, attention_norm_bias, mixer.norm);
  } else {
    walk.norm(ffn_norm_weight, ffn_norm_bias, mixer.norm);
  }
  if (mixer.mixes_tokens()) {
    walk.norm(attention_output_norm_weight, attention_output_norm_bias, mixer.output_norm);
  } else {
    walk.norm(ffn_output_norm_weight, ffn_output_norm_bias, mixer.output_norm);
  }
  if (mixer.stream_scale != 1) return "its blocks scale the residual stream";
  return std::visit(walk, mixer.work);
}

}  // namespace azimuth
