#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "azimuth/proto_conversion.h"

namespace azimuth {
namespace {

using google::protobuf::RepeatedField;
using google::protobuf::RepeatedPtrField;
using google::protobuf::Timestamp;

std::int32_t checked_size(std::int64_t size, const char* what) {
  if (size < 0 || size > std::numeric_limits<std::int32_t>::max())
    throw std::out_of_range(std::string(what) + ": " + std::to_string(size) +
                            " is not a size of a model");
  return static_cast<std::int32_t>(size);
}

template <class T, class Out>
void set_numbers(const std::vector<T>& numbers, RepeatedField<Out>& out) {
  out.Add(numbers.begin(), numbers.end());
}

void set_pair(const std::array<double, 2>& pair, RepeatedField<double>& out) {
  out.Add(pair.begin(), pair.end());
}

// The range of google.protobuf.Timestamp: the years 1 to 9999.
constexpr double kFirstSecond = -62'135'596'800;
constexpr double kLastSecond = 253'402'300'799;

void set_time(double seconds, Timestamp& out) {
  if (std::isnan(seconds)) seconds = 0;
  seconds = std::clamp(seconds, kFirstSecond, kLastSecond);
  double whole = std::floor(seconds);
  double nanoseconds = std::round((seconds - whole) * 1e9);
  if (nanoseconds >= 1e9) {
    whole += 1;
    nanoseconds = 0;
  }
  out.set_seconds(static_cast<std::int64_t>(whole));
  out.set_nanos(static_cast<std::int32_t>(nanoseconds));
}

v1::State state_to_proto(State state) {
  switch (state) {
    case State::unspecified:
      return v1::STATE_UNSPECIFIED;
    case State::absent:
      return v1::STATE_ABSENT;
    case State::emerging:
      return v1::STATE_EMERGING;
    case State::settling:
      return v1::STATE_SETTLING;
    case State::stable:
      return v1::STATE_STABLE;
    case State::drifting:
      return v1::STATE_DRIFTING;
    case State::changed:
      return v1::STATE_CHANGED;
    case State::nonfinite:
      return v1::STATE_NONFINITE;
  }
  throw std::invalid_argument("unknown state");
}

void convert(const ProbeInfo& in, v1::Probe& out) {
  set_numbers(in.token_ids, *out.mutable_token_ids());
  set_numbers(in.special_token_ids, *out.mutable_special_token_ids());
  set_numbers(in.high_norm_token_ids, *out.mutable_high_norm_token_ids());
  out.set_reference(std::string(name_of(in.reference)));
  v1::Vocabulary& vocabulary = *out.mutable_vocabulary();
  set_numbers(in.vocabulary.exploding_token_ids, *vocabulary.mutable_exploding_token_ids());
  set_numbers(in.vocabulary.ratio, *vocabulary.mutable_ratio());
}

void convert(const SingularDirection& in, v1::Singular& out) {
  set_pair(in.sigma, *out.mutable_sigma());
  out.set_angle_to_block_direction(in.angle_to_block_direction);
  out.set_angle_to_primary(in.angle_to_primary);
  set_pair(in.residual, *out.mutable_residual());
  out.set_converged(in.converged);
  out.set_step(in.step);
}

void convert(const ExplosionSubspace& in, v1::Ffn& out) {
  set_pair(in.sigma, *out.mutable_sigma());
  set_pair(in.output_norm_plus, *out.mutable_output_norm_plus());
  set_pair(in.output_norm_minus, *out.mutable_output_norm_minus());
  out.set_coefficient(in.coefficient);
}

void convert(const DecayEigenpair& in, v1::Eigen& out) {
  out.set_real(in.real);
  out.set_imaginary(in.imaginary);
  out.set_angle(in.angle);
  out.set_residual(in.residual);
  out.set_converged(in.converged);
}

void convert(const BlockObservation& in, v1::Block& out) {
  out.set_block(in.block);
  out.set_stage(in.stage);
  set_numbers(in.norms, *out.mutable_norms());
  out.set_reference_norm(in.reference_norm);
  out.set_ratio_max(in.ratio_max);
  out.set_high_norm_count(in.high_norm_count);
  out.set_growth(in.growth);
  out.set_gain(in.gain);
  out.set_concentration(in.concentration);
  out.set_angle_to_primary(in.angle_to_primary);
  convert(in.singular, *out.mutable_singular());
  convert(in.ffn, *out.mutable_ffn());
  out.set_rayleigh(in.rayleigh);
  convert(in.eigen, *out.mutable_eigen());
  out.set_spectral_reason(in.spectral_reason);
  set_numbers(in.spectral_experts, *out.mutable_spectral_experts());
  out.set_gain_error(in.gain_error);
}

void convert(const BlockFactor& in, v1::BlockFactor& out) {
  out.set_block(in.block);
  out.set_factor(in.factor);
}

void convert(const AngleObservation& in, v1::Angle& out) {
  out.set_reference(in.reference);
  out.set_degrees(in.degrees);
  out.set_noise_floor_degrees(in.noise_floor_degrees);
  out.set_step(in.step);
}

void convert(const Event& in, v1::Event& out) {
  out.set_kind(in.kind);
  out.set_step(in.step);
  out.set_message(in.message);
  out.set_value(in.value);
}

void convert(const std::vector<float>& in, v1::StageDirection& out) {
  set_numbers(in, *out.mutable_direction());
}

void convert(const std::vector<std::int32_t>& in, v1::HighNormTokens& out) {
  set_numbers(in, *out.mutable_tokens());
}

void convert(const TextBlock& in, v1::TextBlock& out) {
  out.set_block(in.block);
  out.set_reference_norm(in.reference_norm);
  out.set_high_norm_initial(in.high_norm_initial);
  out.set_high_norm_others(in.high_norm_others);
  out.set_initial_norm(in.initial_norm);
  out.set_others_norm(in.others_norm);
  out.set_growth(in.growth);
  out.set_angle_to_weights(in.angle_to_weights);
  out.set_singular_angle(in.singular_angle);
  out.set_eigen_angle(in.eigen_angle);
}

void convert(const TextStage& in, v1::TextStage& out) {
  out.set_states(in.states);
  out.set_alignment(in.alignment);
  out.set_angle_to_weights(in.angle_to_weights);
  set_numbers(in.direction, *out.mutable_direction());
}

void convert(const TextToken& in, v1::TextToken& out) {
  out.set_id(in.id);
  out.set_spelling(in.spelling);
  out.set_occurrences(in.occurrences);
  out.set_high_norm(in.high_norm);
  out.set_peak_ratio(in.peak_ratio);
  out.set_first_block(in.first_block);
  out.set_last_block(in.last_block);
  out.set_ratio_alone(in.ratio_alone);
  out.set_explosion_block(in.explosion_block);
  out.set_response(in.response);
  out.set_response_alone(in.response_alone);
}

void convert(const TextPrediction& in, v1::TextPrediction& out) {
  out.set_predicted(in.predicted);
  out.set_exploded(in.exploded);
  out.set_both(in.both);
  out.set_precision(in.precision);
  out.set_recall(in.recall);
}

// Declared here for the template below, which finds only what stands before it.
void convert(const StageObservation& in, v1::Stage& out);
void convert(const PastDirections& in, v1::PastDirections& out);

template <class T, class Message>
void convert(const std::vector<T>& in, RepeatedPtrField<Message>& out) {
  out.Reserve(static_cast<int>(in.size()));
  for (const T& item : in) convert(item, *out.Add());
}

void convert(const StageObservation& in, v1::Stage& out) {
  out.set_first_block(in.first_block);
  out.set_last_block(in.last_block);
  convert(in.explosion_blocks, *out.mutable_explosion_blocks());
  convert(in.decay_blocks, *out.mutable_decay_blocks());
  out.set_peak_ratio(in.peak_ratio);
  out.set_concentration(in.concentration);
  out.set_token_spread_median(in.token_spread_median);
  out.set_token_spread_max(in.token_spread_max);
  out.set_participation_ratio(in.participation_ratio);
  set_numbers(in.direction, *out.mutable_direction());
}

void convert(const NonfiniteTensor& in, v1::NonfiniteTensor& out) {
  out.set_name(in.name);
  out.set_block(static_cast<std::int32_t>(in.block));
  out.set_update(in.update);
}

void convert(const TextObservation& in, v1::Text& out) {
  out.set_ids_digest(in.ids_digest);
  out.set_sequences(in.sequences);
  out.set_length(in.length);
  out.set_first_token_id(in.first_token_id);
  out.set_perplexity(in.perplexity);
  convert(in.blocks, *out.mutable_blocks());
  convert(in.stages, *out.mutable_stages());
  convert(in.initial_tokens, *out.mutable_initial_tokens());
  convert(in.other_tokens, *out.mutable_other_tokens());
  convert(in.types, *out.mutable_types());
  convert(in.occurrences, *out.mutable_occurrences());
}

void convert(const Cost& in, v1::Cost& out) {
  out.set_training_thread_seconds(in.training_thread_seconds);
  out.set_analysis_cpu_seconds(in.analysis_cpu_seconds);
  out.set_analysis_wall_seconds(in.analysis_wall_seconds);
  out.set_overhead_ratio(in.overhead_ratio);
  out.set_peak_extra_bytes(in.peak_extra_bytes);
}

void convert(const PastDirections& in, v1::PastDirections& out) {
  out.set_step(in.step);
  out.set_noise_floor_degrees(in.noise_floor_degrees);
  set_numbers(in.direction, *out.mutable_direction());
  convert(in.stages, *out.mutable_stages());
}

}  // namespace

v1::Model to_proto(const ModelInfo& in) {
  v1::Model out;
  out.set_architecture(in.architecture);
  out.set_hidden_size(checked_size(in.hidden_size, "hidden_size"));
  out.set_ffn_size(checked_size(in.ffn_size, "ffn_size"));
  out.set_block_count(checked_size(in.block_count, "block_count"));
  out.set_vocab_size(checked_size(in.vocab_size, "vocab_size"));
  out.set_parameter_count(in.parameter_count);
  out.set_weights_digest(in.weights_digest);
  out.set_weights_fingerprint(in.weights_fingerprint);
  out.set_bfloat16_digest(in.bfloat16_digest);
  return out;
}

v1::Observation to_proto(const Observation& in) {
  v1::Observation out;
  out.set_schema_version(in.schema_version);
  out.set_run(in.run);
  out.set_attempt(in.attempt);
  out.set_sequence(in.sequence);
  out.set_step(in.step);
  set_time(in.time, *out.mutable_time());
  out.set_loss(in.loss);
  out.set_loss_is_nan(in.loss_is_nan);
  *out.mutable_model() = to_proto(in.model);
  convert(in.probe, *out.mutable_probe());
  convert(in.blocks, *out.mutable_blocks());
  convert(in.stages, *out.mutable_stages());
  out.set_primary_stage(in.primary_stage);
  set_numbers(in.direction, *out.mutable_direction());
  out.set_provisional(in.provisional);
  out.set_absence(in.absence);
  out.set_base_absent(in.base_absent);
  convert(in.angles, *out.mutable_angles());
  out.set_state(state_to_proto(in.state));
  out.set_state_since_step(in.state_since_step);
  convert(in.events, *out.mutable_events());
  out.mutable_warnings()->Assign(in.warnings.begin(), in.warnings.end());
  convert(in.nonfinite.value_or(NonfiniteTensor()), *out.mutable_nonfinite());
  convert(in.cost, *out.mutable_cost());
  convert(in.text.value_or(TextObservation()), *out.mutable_text());
  return out;
}

v1::Comparison to_proto(const Comparison& in) {
  v1::Comparison out;
  out.mutable_names()->Add(in.names.begin(), in.names.end());
  set_numbers(in.degrees, *out.mutable_degrees());
  set_numbers(in.noise_floor_degrees, *out.mutable_noise_floor_degrees());
  for (const std::vector<TestResult>& results : in.tests) {
    out.add_p_values(result_of(audit_test::coordinate_permutation, results).p);
  }
  out.mutable_stages()->Add(in.stages.begin(), in.stages.end());
  out.mutable_weights_digests()->Add(in.weights_digests.begin(), in.weights_digests.end());
  out.mutable_absences()->Assign(in.absences.begin(), in.absences.end());
  out.mutable_same_probe()->Add(in.same_probe.begin(), in.same_probe.end());
  out.mutable_primary_stages()->Add(in.primary_stages.begin(), in.primary_stages.end());
  out.mutable_rival_stages()->Add(in.rival_stages.begin(), in.rival_stages.end());
  return out;
}

v1::Signature to_proto(const Signature& in) {
  v1::Signature out;
  out.set_schema_version(in.schema_version);
  *out.mutable_model() = to_proto(in.model);
  convert(in.probe, *out.mutable_probe());
  convert(in.stages, *out.mutable_stages());
  convert(in.blocks, *out.mutable_blocks());
  out.set_primary_stage(in.primary_stage);
  set_numbers(in.direction, *out.mutable_direction());
  out.set_noise_floor_degrees(in.noise_floor_degrees);
  set_time(in.created, *out.mutable_created());
  out.set_digest(in.digest);
  out.mutable_warnings()->Assign(in.warnings.begin(), in.warnings.end());
  return out;
}

v1::TrackerState to_proto(const TrackerState& in) {
  v1::TrackerState out;
  out.set_state(state_to_proto(in.state));
  out.set_state_since_step(in.state_since_step);
  convert(in.window, *out.mutable_window());
  if (in.anchor) convert(*in.anchor, *out.mutable_anchor());
  convert(in.high_norm_tokens, *out.mutable_high_norm_tokens());
  out.set_noise_floor_degrees(in.noise_floor_degrees);
  if (in.nonfinite_since_step) out.set_nonfinite_since_step(*in.nonfinite_since_step);
  out.set_fingerprint(in.fingerprint);
  out.set_fingerprint_since_step(in.fingerprint_since_step);
  out.set_fingerprint_snapshots(in.fingerprint_snapshots);
  if (in.last_step) out.set_last_step(*in.last_step);
  return out;
}

}  // namespace azimuth
