#include "azimuth/proto_conversion.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "proto/sample_signature.h"
#include "support/sample_observation.h"

namespace azimuth {
namespace {

using testing::sample_observation;
using testing::sample_signature;

/// Equal, or both NaN.
void expect_same(double a, double b) {
  EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << a << " and " << b;
}

void expect_same(const std::array<double, 2>& a, const std::array<double, 2>& b) {
  expect_same(a[0], b[0]);
  expect_same(a[1], b[1]);
}

void expect_same(const ModelInfo& a, const ModelInfo& b) {
  EXPECT_EQ(a.architecture, b.architecture);
  EXPECT_EQ(a.hidden_size, b.hidden_size);
  EXPECT_EQ(a.ffn_size, b.ffn_size);
  EXPECT_EQ(a.block_count, b.block_count);
  EXPECT_EQ(a.vocab_size, b.vocab_size);
  EXPECT_EQ(a.parameter_count, b.parameter_count);
  EXPECT_EQ(a.weights_digest, b.weights_digest);
  EXPECT_EQ(a.weights_fingerprint, b.weights_fingerprint);
  EXPECT_EQ(a.bfloat16_digest, b.bfloat16_digest);
}

void expect_same(const ProbeInfo& a, const ProbeInfo& b) {
  EXPECT_EQ(a.token_ids, b.token_ids);
  EXPECT_EQ(a.special_token_ids, b.special_token_ids);
  EXPECT_EQ(a.high_norm_token_ids, b.high_norm_token_ids);
  EXPECT_EQ(a.reference, b.reference);
  EXPECT_EQ(a.vocabulary.exploding_token_ids, b.vocabulary.exploding_token_ids);
  EXPECT_EQ(a.vocabulary.ratio, b.vocabulary.ratio);
}

void expect_same(const BlockObservation& a, const BlockObservation& b) {
  EXPECT_EQ(a.block, b.block);
  EXPECT_EQ(a.stage, b.stage);
  EXPECT_EQ(a.norms, b.norms);
  expect_same(a.reference_norm, b.reference_norm);
  expect_same(a.ratio_max, b.ratio_max);
  EXPECT_EQ(a.high_norm_count, b.high_norm_count);
  expect_same(a.growth, b.growth);
  expect_same(a.gain, b.gain);
  expect_same(a.concentration, b.concentration);
  expect_same(a.angle_to_primary, b.angle_to_primary);
  expect_same(a.singular.sigma, b.singular.sigma);
  expect_same(a.singular.angle_to_block_direction, b.singular.angle_to_block_direction);
  expect_same(a.singular.angle_to_primary, b.singular.angle_to_primary);
  expect_same(a.singular.residual, b.singular.residual);
  EXPECT_EQ(a.singular.converged, b.singular.converged);
  EXPECT_EQ(a.singular.step, b.singular.step);
  expect_same(a.ffn.sigma, b.ffn.sigma);
  expect_same(a.ffn.output_norm_plus, b.ffn.output_norm_plus);
  expect_same(a.ffn.output_norm_minus, b.ffn.output_norm_minus);
  expect_same(a.ffn.coefficient, b.ffn.coefficient);
  expect_same(a.rayleigh, b.rayleigh);
  expect_same(a.eigen.real, b.eigen.real);
  expect_same(a.eigen.imaginary, b.eigen.imaginary);
  expect_same(a.eigen.angle, b.eigen.angle);
  expect_same(a.eigen.residual, b.eigen.residual);
  EXPECT_EQ(a.eigen.converged, b.eigen.converged);
  EXPECT_EQ(a.spectral_reason, b.spectral_reason);
  EXPECT_EQ(a.spectral_experts, b.spectral_experts);
  expect_same(a.gain_error, b.gain_error);
}

void expect_same(const BlockFactor& a, const BlockFactor& b) {
  EXPECT_EQ(a.block, b.block);
  expect_same(a.factor, b.factor);
}

void expect_same(const StageObservation& a, const StageObservation& b);

void expect_same(const TextBlock& a, const TextBlock& b) {
  EXPECT_EQ(
      std::tie(a.block, a.reference_norm, a.high_norm_initial, a.high_norm_others, a.initial_norm,
               a.others_norm, a.growth, a.angle_to_weights, a.singular_angle, a.eigen_angle),
      std::tie(b.block, b.reference_norm, b.high_norm_initial, b.high_norm_others, b.initial_norm,
               b.others_norm, b.growth, b.angle_to_weights, b.singular_angle, b.eigen_angle));
}

void expect_same(const TextStage& a, const TextStage& b) {
  EXPECT_EQ(std::tie(a.states, a.alignment, a.angle_to_weights, a.direction),
            std::tie(b.states, b.alignment, b.angle_to_weights, b.direction));
}

void expect_same(const TextToken& a, const TextToken& b) {
  EXPECT_EQ(std::tie(a.id, a.spelling, a.occurrences, a.high_norm, a.first_block, a.last_block,
                     a.explosion_block),
            std::tie(b.id, b.spelling, b.occurrences, b.high_norm, b.first_block, b.last_block,
                     b.explosion_block));
  expect_same(a.peak_ratio, b.peak_ratio);
  expect_same(a.ratio_alone, b.ratio_alone);
  expect_same(a.response, b.response);
  expect_same(a.response_alone, b.response_alone);
}

void expect_same(const TextPrediction& a, const TextPrediction& b) {
  EXPECT_EQ(std::tie(a.predicted, a.exploded, a.both, a.precision, a.recall),
            std::tie(b.predicted, b.exploded, b.both, b.precision, b.recall));
}

template <class T>
void expect_same_list(const std::vector<T>& a, const std::vector<T>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) expect_same(a[i], b[i]);
}

void expect_same(const StageObservation& a, const StageObservation& b) {
  EXPECT_EQ(a.first_block, b.first_block);
  EXPECT_EQ(a.last_block, b.last_block);
  expect_same_list(a.explosion_blocks, b.explosion_blocks);
  expect_same_list(a.decay_blocks, b.decay_blocks);
  expect_same(a.peak_ratio, b.peak_ratio);
  expect_same(a.concentration, b.concentration);
  expect_same(a.token_spread_median, b.token_spread_median);
  expect_same(a.token_spread_max, b.token_spread_max);
  expect_same(a.participation_ratio, b.participation_ratio);
  EXPECT_EQ(a.direction, b.direction);
}

template <class Message>
Message over_the_wire(const Message& message) {
  Message received;
  EXPECT_TRUE(received.ParseFromString(message.SerializeAsString()));
  return received;
}

TEST(ProtoConversion, ObservationSurvivesTheWire) {
  const Observation sent = sample_observation();
  const Observation received = from_proto(over_the_wire(to_proto(sent)));

  EXPECT_EQ(sent.schema_version, received.schema_version);
  EXPECT_EQ(sent.run, received.run);
  EXPECT_EQ(sent.attempt, received.attempt);
  EXPECT_EQ(sent.sequence, received.sequence);
  EXPECT_EQ(sent.step, received.step);
  EXPECT_EQ(sent.time, received.time);
  EXPECT_EQ(sent.loss, received.loss);
  expect_same(sent.model, received.model);
  expect_same(sent.probe, received.probe);
  expect_same_list(sent.blocks, received.blocks);
  expect_same_list(sent.stages, received.stages);
  EXPECT_EQ(sent.primary_stage, received.primary_stage);
  EXPECT_EQ(sent.direction, received.direction);
  EXPECT_EQ(sent.provisional, received.provisional);
  EXPECT_EQ(sent.absence, received.absence);
  EXPECT_EQ(sent.base_absent, received.base_absent);
  ASSERT_EQ(sent.angles.size(), received.angles.size());
  for (std::size_t i = 0; i < sent.angles.size(); ++i) {
    EXPECT_EQ(sent.angles[i].reference, received.angles[i].reference);
    EXPECT_EQ(sent.angles[i].degrees, received.angles[i].degrees);
    EXPECT_EQ(sent.angles[i].noise_floor_degrees, received.angles[i].noise_floor_degrees);
    EXPECT_EQ(sent.angles[i].step, received.angles[i].step);
  }
  EXPECT_EQ(sent.state, received.state);
  EXPECT_EQ(sent.state_since_step, received.state_since_step);
  ASSERT_EQ(sent.events.size(), received.events.size());
  EXPECT_EQ(sent.events[0].kind, received.events[0].kind);
  EXPECT_EQ(sent.events[0].step, received.events[0].step);
  EXPECT_EQ(sent.events[0].message, received.events[0].message);
  EXPECT_EQ(sent.events[0].value, received.events[0].value);
  EXPECT_EQ(sent.cost.training_thread_seconds, received.cost.training_thread_seconds);
  EXPECT_EQ(sent.cost.analysis_cpu_seconds, received.cost.analysis_cpu_seconds);
  EXPECT_EQ(sent.cost.analysis_wall_seconds, received.cost.analysis_wall_seconds);
  EXPECT_EQ(sent.cost.overhead_ratio, received.cost.overhead_ratio);
  EXPECT_EQ(sent.cost.peak_extra_bytes, received.cost.peak_extra_bytes);
  ASSERT_TRUE(received.text.has_value());
  EXPECT_EQ(sent.text->ids_digest, received.text->ids_digest);
  EXPECT_EQ(sent.text->sequences, received.text->sequences);
  EXPECT_EQ(sent.text->length, received.text->length);
  EXPECT_EQ(sent.text->first_token_id, received.text->first_token_id);
  EXPECT_EQ(sent.text->perplexity, received.text->perplexity);
  expect_same_list(sent.text->blocks, received.text->blocks);
  expect_same_list(sent.text->stages, received.text->stages);
  expect_same_list(sent.text->initial_tokens, received.text->initial_tokens);
  expect_same_list(sent.text->other_tokens, received.text->other_tokens);
  expect_same(sent.text->types, received.text->types);
  expect_same(sent.text->occurrences, received.text->occurrences);
  EXPECT_EQ(to_json(sent), to_json(received));
}

TEST(ProtoConversion, SignatureSurvivesTheWire) {
  Signature sent = sample_signature();
  sent.digest = "a digest";
  const Signature received = from_proto(over_the_wire(to_proto(sent)));

  EXPECT_EQ(sent.schema_version, received.schema_version);
  expect_same(sent.model, received.model);
  expect_same(sent.probe, received.probe);
  expect_same_list(sent.stages, received.stages);
  expect_same_list(sent.blocks, received.blocks);
  EXPECT_EQ(sent.primary_stage, received.primary_stage);
  EXPECT_EQ(sent.direction, received.direction);
  EXPECT_EQ(sent.noise_floor_degrees, received.noise_floor_degrees);
  EXPECT_EQ(sent.created, received.created);
  EXPECT_EQ(sent.digest, received.digest);
  EXPECT_EQ(to_json(sent), to_json(received));
}

TEST(ProtoConversion, TrackerStateSurvivesTheWire) {
  TrackerState sent;
  sent.state = State::drifting;
  sent.state_since_step = 70;
  sent.last_step = 75;
  sent.nonfinite_since_step = 0;
  sent.fingerprint = "f";
  sent.fingerprint_since_step = 65;
  sent.fingerprint_snapshots = 2;
  sent.window = {{60, 0.5, {0.6f, 0.8f}, {{0.6f, 0.8f}, {1, 0}}}, {70, 0.25, {}, {}}};
  sent.anchor = PastDirections{40, 0.125, {0, 1}, {{0, 1}}};
  sent.high_norm_tokens = {{}, {0, 2}, {1}};
  const TrackerState received = from_proto(over_the_wire(to_proto(sent)));

  EXPECT_EQ(received.state, State::drifting);
  EXPECT_EQ(received.state_since_step, 70);
  EXPECT_EQ(received.last_step, sent.last_step);
  EXPECT_EQ(received.nonfinite_since_step, sent.nonfinite_since_step);
  EXPECT_EQ(received.fingerprint, sent.fingerprint);
  EXPECT_EQ(received.fingerprint_since_step, sent.fingerprint_since_step);
  EXPECT_EQ(received.fingerprint_snapshots, sent.fingerprint_snapshots);
  ASSERT_EQ(received.window.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(received.window[i].step, sent.window[i].step);
    EXPECT_EQ(received.window[i].noise_floor_degrees, sent.window[i].noise_floor_degrees);
    EXPECT_EQ(received.window[i].direction, sent.window[i].direction);
    EXPECT_EQ(received.window[i].stages, sent.window[i].stages);
  }
  ASSERT_TRUE(received.anchor.has_value());
  EXPECT_EQ(received.anchor->step, 40);
  EXPECT_EQ(received.anchor->noise_floor_degrees, 0.125);
  EXPECT_EQ(received.anchor->direction, sent.anchor->direction);
  EXPECT_EQ(received.anchor->stages, sent.anchor->stages);
  EXPECT_EQ(received.high_norm_tokens, sent.high_norm_tokens);
  EXPECT_TRUE(std::isnan(received.noise_floor_degrees));

  sent.anchor.reset();
  sent.noise_floor_degrees = 0.75;
  EXPECT_FALSE(from_proto(over_the_wire(to_proto(sent))).anchor.has_value());
  EXPECT_EQ(from_proto(over_the_wire(to_proto(sent))).noise_floor_degrees, 0.75);
}

TEST(ProtoConversion, EveryStateHasItsOwn) {
  Observation observation;
  for (State state : kStates) {
    observation.state = state;
    EXPECT_EQ(from_proto(to_proto(observation)).state, state);
  }
  observation.state = State::unspecified;
  EXPECT_EQ(from_proto(to_proto(observation)).state, State::unspecified);
}

TEST(ProtoConversion, TimesKeepTheirFraction) {
  Observation observation;
  for (double time : {0.0, 1'784'000'000.123456, 0.9999999999, -1.25, 1e9 + 1e-6}) {
    observation.time = time;
    EXPECT_NEAR(from_proto(to_proto(observation)).time, time, 1e-9 + 1e-16 * std::abs(time));
  }
}

TEST(ProtoConversion, ATimeOutOfTheWorldStaysPrintable) {
  Observation observation;
  for (double time : {std::nan(""), 1e300, -1e300, std::numeric_limits<double>::infinity()}) {
    observation.time = time;
    EXPECT_NO_THROW(to_json(observation));
  }
}

TEST(ProtoConversion, MissingSubMessagesDoNotApply) {
  v1::Observation message;
  message.add_blocks();
  const Observation observation = from_proto(message);
  ASSERT_EQ(observation.blocks.size(), 1u);
  EXPECT_TRUE(std::isnan(observation.blocks[0].singular.sigma[0]));
  EXPECT_TRUE(std::isnan(observation.blocks[0].ffn.coefficient));
  EXPECT_TRUE(std::isnan(observation.blocks[0].eigen.real));
}

TEST(ProtoConversion, RefusesWhatItCannotRepresent) {
  v1::Observation message = to_proto(sample_observation());
  message.mutable_probe()->set_reference("something else");
  EXPECT_THROW(from_proto(message), std::invalid_argument);

  message = to_proto(sample_observation());
  message.set_state(static_cast<v1::State>(99));
  EXPECT_THROW(from_proto(message), std::invalid_argument);

  message = to_proto(sample_observation());
  message.mutable_blocks(1)->mutable_singular()->add_sigma(3);
  EXPECT_THROW(from_proto(message), std::invalid_argument);

  Observation observation = sample_observation();
  observation.model.vocab_size = std::int64_t{1} << 31;
  EXPECT_THROW(to_proto(observation), std::out_of_range);
}

}  // namespace
}  // namespace azimuth
