#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/proto_conversion.h"

namespace azimuth {
namespace {

using google::protobuf::RepeatedField;
using google::protobuf::RepeatedPtrField;
using google::protobuf::Timestamp;

template <class T, class In>
void get_numbers(const RepeatedField<In>& in, std::vector<T>& numbers) {
  numbers.assign(in.begin(), in.end());
}

void get_pair(const RepeatedField<double>& in, std::array<double, 2>& pair) {
  if (in.empty()) return;
  if (in.size() != 2)
    throw std::invalid_argument("expected two numbers, found " + std::to_string(in.size()));
  std::copy(in.begin(), in.end(), pair.begin());
}

double get_time(const Timestamp& in) {
  return static_cast<double>(in.seconds()) + 1e-9 * static_cast<double>(in.nanos());
}

State state_from_proto(v1::State state) {
  switch (state) {
    case v1::STATE_UNSPECIFIED:
      return State::unspecified;
    case v1::STATE_ABSENT:
      return State::absent;
    case v1::STATE_EMERGING:
      return State::emerging;
    case v1::STATE_SETTLING:
      return State::settling;
    case v1::STATE_STABLE:
      return State::stable;
    case v1::STATE_DRIFTING:
      return State::drifting;
    case v1::STATE_CHANGED:
      return State::changed;
    case v1::STATE_NONFINITE:
      return State::nonfinite;
    default:
      throw std::invalid_argument("unknown state " + std::to_string(static_cast<int>(state)));
  }
}

ReferenceNorm reference_norm_named(std::string_view name) {
  for (ReferenceNorm reference : {ReferenceNorm::zero_attention, ReferenceNorm::activations})
    if (name == name_of(reference)) return reference;
  if (name.empty()) return ReferenceNorm::zero_attention;
  throw std::invalid_argument("unknown reference norm");
}

void convert(const v1::Model& in, ModelInfo& out) {
  out.architecture = in.architecture();
  out.hidden_size = in.hidden_size();
  out.ffn_size = in.ffn_size();
  out.block_count = in.block_count();
  out.vocab_size = in.vocab_size();
  out.parameter_count = in.parameter_count();
  out.weights_digest = in.weights_digest();
  out.weights_fingerprint = in.weights_fingerprint();
  out.bfloat16_digest = in.bfloat16_digest();
}

void convert(const v1::Probe& in, ProbeInfo& out) {
  get_numbers(in.token_ids(), out.token_ids);
  get_numbers(in.special_token_ids(), out.special_token_ids);
  get_numbers(in.high_norm_token_ids(), out.high_norm_token_ids);
  out.reference = reference_norm_named(in.reference());
  get_numbers(in.vocabulary().exploding_token_ids(), out.vocabulary.exploding_token_ids);
  get_numbers(in.vocabulary().ratio(), out.vocabulary.ratio);
}

void convert(const v1::Singular& in, SingularDirection& out) {
  get_pair(in.sigma(), out.sigma);
  out.angle_to_block_direction = in.angle_to_block_direction();
  out.angle_to_primary = in.angle_to_primary();
  get_pair(in.residual(), out.residual);
  out.converged = in.converged();
  out.step = in.step();
}

void convert(const v1::Ffn& in, ExplosionSubspace& out) {
  get_pair(in.sigma(), out.sigma);
  get_pair(in.output_norm_plus(), out.output_norm_plus);
  get_pair(in.output_norm_minus(), out.output_norm_minus);
  out.coefficient = in.coefficient();
}

void convert(const v1::Eigen& in, DecayEigenpair& out) {
  out.real = in.real();
  out.imaginary = in.imaginary();
  out.angle = in.angle();
  out.residual = in.residual();
  out.converged = in.converged();
}

void convert(const v1::Block& in, BlockObservation& out) {
  out.block = in.block();
  out.stage = in.stage();
  get_numbers(in.norms(), out.norms);
  out.reference_norm = in.reference_norm();
  out.ratio_max = in.ratio_max();
  out.high_norm_count = in.high_norm_count();
  out.growth = in.growth();
  out.gain = in.gain();
  out.concentration = in.concentration();
  out.angle_to_primary = in.angle_to_primary();
  if (in.has_singular()) convert(in.singular(), out.singular);
  if (in.has_ffn()) convert(in.ffn(), out.ffn);
  out.rayleigh = in.rayleigh();
  if (in.has_eigen()) convert(in.eigen(), out.eigen);
  out.spectral_reason = in.spectral_reason();
  get_numbers(in.spectral_experts(), out.spectral_experts);
  if (in.has_gain_error()) out.gain_error = in.gain_error();
}

void convert(const v1::BlockFactor& in, BlockFactor& out) {
  out.block = in.block();
  out.factor = in.factor();
}

void convert(const v1::Angle& in, AngleObservation& out) {
  out.reference = in.reference();
  out.degrees = in.degrees();
  out.noise_floor_degrees = in.noise_floor_degrees();
  out.step = in.step();
}

void convert(const v1::Event& in, Event& out) {
  out.kind = in.kind();
  out.step = in.step();
  out.message = in.message();
  out.value = in.value();
}

void convert(const v1::StageDirection& in, std::vector<float>& out) {
  get_numbers(in.direction(), out);
}

void convert(const v1::HighNormTokens& in, std::vector<std::int32_t>& out) {
  get_numbers(in.tokens(), out);
}

void convert(const v1::TextBlock& in, TextBlock& out) {
  out.block = in.block();
  out.reference_norm = in.reference_norm();
  out.high_norm_initial = in.high_norm_initial();
  out.high_norm_others = in.high_norm_others();
  out.initial_norm = in.initial_norm();
  out.others_norm = in.others_norm();
  out.growth = in.growth();
  out.angle_to_weights = in.angle_to_weights();
  out.singular_angle = in.singular_angle();
  out.eigen_angle = in.eigen_angle();
}

void convert(const v1::TextStage& in, TextStage& out) {
  out.states = in.states();
  out.alignment = in.alignment();
  out.angle_to_weights = in.angle_to_weights();
  get_numbers(in.direction(), out.direction);
}

void convert(const v1::TextToken& in, TextToken& out) {
  out.id = in.id();
  out.spelling = in.spelling();
  out.occurrences = in.occurrences();
  out.high_norm = in.high_norm();
  out.peak_ratio = in.peak_ratio();
  out.first_block = in.first_block();
  out.last_block = in.last_block();
  out.ratio_alone = in.ratio_alone();
  out.explosion_block = in.explosion_block();
  out.response = in.response();
  out.response_alone = in.response_alone();
}

void convert(const v1::TextPrediction& in, TextPrediction& out) {
  out.predicted = in.predicted();
  out.exploded = in.exploded();
  out.both = in.both();
  out.precision = in.precision();
  out.recall = in.recall();
}

// Declared here for the template below, which finds only what stands before it.
void convert(const v1::Stage& in, StageObservation& out);
void convert(const v1::PastDirections& in, PastDirections& out);

template <class Message, class T>
void convert(const RepeatedPtrField<Message>& in, std::vector<T>& out) {
  out.resize(static_cast<std::size_t>(in.size()));
  for (int i = 0; i < in.size(); ++i) convert(in[i], out[static_cast<std::size_t>(i)]);
}

void convert(const v1::Stage& in, StageObservation& out) {
  out.first_block = in.first_block();
  out.last_block = in.last_block();
  convert(in.explosion_blocks(), out.explosion_blocks);
  convert(in.decay_blocks(), out.decay_blocks);
  out.peak_ratio = in.peak_ratio();
  out.concentration = in.concentration();
  out.token_spread_median = in.token_spread_median();
  out.token_spread_max = in.token_spread_max();
  out.participation_ratio = in.participation_ratio();
  get_numbers(in.direction(), out.direction);
}

void convert(const v1::Text& in, TextObservation& out) {
  out.ids_digest = in.ids_digest();
  out.sequences = in.sequences();
  out.length = in.length();
  out.first_token_id = in.first_token_id();
  out.perplexity = in.perplexity();
  convert(in.blocks(), out.blocks);
  convert(in.stages(), out.stages);
  convert(in.initial_tokens(), out.initial_tokens);
  convert(in.other_tokens(), out.other_tokens);
  convert(in.types(), out.types);
  convert(in.occurrences(), out.occurrences);
}

void convert(const v1::Cost& in, Cost& out) {
  out.training_thread_seconds = in.training_thread_seconds();
  out.analysis_cpu_seconds = in.analysis_cpu_seconds();
  out.analysis_wall_seconds = in.analysis_wall_seconds();
  out.overhead_ratio = in.overhead_ratio();
  out.peak_extra_bytes = in.peak_extra_bytes();
}

void convert(const v1::PastDirections& in, PastDirections& out) {
  out.step = in.step();
  out.noise_floor_degrees = in.noise_floor_degrees();
  get_numbers(in.direction(), out.direction);
  convert(in.stages(), out.stages);
}

}  // namespace

Observation from_proto(const v1::Observation& in) {
  Observation out;
  out.schema_version = in.schema_version();
  out.run = in.run();
  out.attempt = in.attempt();
  out.sequence = in.sequence();
  out.step = in.step();
  out.time = get_time(in.time());
  out.loss = in.loss();
  out.loss_is_nan = in.loss_is_nan();
  convert(in.model(), out.model);
  convert(in.probe(), out.probe);
  convert(in.blocks(), out.blocks);
  convert(in.stages(), out.stages);
  out.primary_stage = in.primary_stage();
  get_numbers(in.direction(), out.direction);
  out.provisional = in.provisional();
  out.absence = in.absence();
  out.base_absent = in.base_absent();
  convert(in.angles(), out.angles);
  out.state = state_from_proto(in.state());
  out.state_since_step = in.state_since_step();
  convert(in.events(), out.events);
  out.warnings.assign(in.warnings().begin(), in.warnings().end());
  if (!in.nonfinite().name().empty()) {
    const auto& tensor = in.nonfinite();
    out.nonfinite = NonfiniteTensor{tensor.name(), tensor.block(), tensor.update()};
  }
  convert(in.cost(), out.cost);
  if (in.text().sequences() > 0) convert(in.text(), out.text.emplace());
  return out;
}

Signature from_proto(const v1::Signature& in) {
  Signature out;
  out.schema_version = in.schema_version();
  convert(in.model(), out.model);
  convert(in.probe(), out.probe);
  convert(in.stages(), out.stages);
  convert(in.blocks(), out.blocks);
  out.primary_stage = in.primary_stage();
  get_numbers(in.direction(), out.direction);
  out.noise_floor_degrees = in.noise_floor_degrees();
  out.created = get_time(in.created());
  out.warnings.assign(in.warnings().begin(), in.warnings().end());
  out.digest = in.digest();
  return out;
}

TrackerState from_proto(const v1::TrackerState& in) {
  TrackerState out;
  out.state = state_from_proto(in.state());
  out.state_since_step = in.state_since_step();
  convert(in.window(), out.window);
  if (in.has_anchor()) convert(in.anchor(), out.anchor.emplace());
  convert(in.high_norm_tokens(), out.high_norm_tokens);
  out.noise_floor_degrees = in.noise_floor_degrees();
  if (in.has_nonfinite_since_step()) out.nonfinite_since_step = in.nonfinite_since_step();
  out.fingerprint = in.fingerprint();
  out.fingerprint_since_step = in.fingerprint_since_step();
  out.fingerprint_snapshots = in.fingerprint_snapshots();
  if (in.has_last_step()) out.last_step = in.last_step();
  return out;
}

}  // namespace azimuth
