#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/model_info.h"
#include "azimuth/nonfinite_tensor.h"
#include "azimuth/not_applicable.h"
#include "azimuth/text_observation.h"

namespace azimuth {

/// What is computed from one snapshot, in plain structs. proto/azimuth/v1 has the same fields by
/// the same names and says for each where it comes from. Angles are in degrees, 0 to 90; times in
/// seconds; a number that does not apply is NaN. Blocks count from 1; block 0 is the embedding
/// output.
inline constexpr std::int32_t kSchemaVersion = 1;

struct VocabularyPass {
  std::vector<std::int64_t> exploding_token_ids;
  std::vector<double> ratio;
};

/// Against which norm a ratio was taken.
enum class ReferenceNorm { zero_attention, activations };
std::string_view name_of(ReferenceNorm reference);

struct ProbeInfo {
  std::vector<std::int64_t> token_ids;
  std::vector<std::int64_t> special_token_ids;
  std::vector<std::int64_t> high_norm_token_ids;
  ReferenceNorm reference = ReferenceNorm::zero_attention;
  VocabularyPass vocabulary;
};

struct SingularDirection {
  std::array<double, 2> sigma = {kNotApplicable, kNotApplicable};
  double angle_to_block_direction = kNotApplicable;
  double angle_to_primary = kNotApplicable;
  std::array<double, 2> residual = {kNotApplicable, kNotApplicable};
  bool converged = false;
  std::int64_t step = 0;
};

struct ExplosionSubspace {
  std::array<double, 2> sigma = {kNotApplicable, kNotApplicable};
  std::array<double, 2> output_norm_plus = {kNotApplicable, kNotApplicable};
  std::array<double, 2> output_norm_minus = {kNotApplicable, kNotApplicable};
  double coefficient = kNotApplicable;
};

struct DecayEigenpair {
  double real = kNotApplicable;
  double imaginary = kNotApplicable;
  double angle = kNotApplicable;
  double residual = kNotApplicable;
  bool converged = false;
};

struct BlockObservation {
  std::int32_t block = 0;
  std::int32_t stage = -1;
  std::vector<double> norms;
  double reference_norm = kNotApplicable;
  double ratio_max = kNotApplicable;
  std::int32_t high_norm_count = 0;
  double growth = kNotApplicable;
  double gain = kNotApplicable;
  double concentration = kNotApplicable;
  double angle_to_primary = kNotApplicable;
  SingularDirection singular;
  ExplosionSubspace ffn;
  double rayleigh = kNotApplicable;
  DecayEigenpair eigen;
  /// Why `singular`, `ffn`, `rayleigh` and `eigen` have no figures, as "its high-norm tokens take
  /// different experts"; empty where they have, and at block 0.
  std::string spectral_reason;
  /// Of a mixture, the experts that the block's high-norm tokens take, and `singular`, `ffn`,
  /// `rayleigh` and `eigen` are of: counted from 0, ascending.
  std::vector<std::int32_t> spectral_experts;
  /// How much larger `gain` would be if attention and FFN were linear, as they are taken to be in
  /// `singular`: what is lost of the truth. Median over the tokens that gates are held at.
  double gain_error = kNotApplicable;
};

struct BlockFactor {
  std::int32_t block = 0;
  double factor = kNotApplicable;
};

struct StageObservation {
  std::int32_t first_block = 0;
  std::int32_t last_block = 0;
  std::vector<BlockFactor> explosion_blocks;
  std::vector<BlockFactor> decay_blocks;
  double peak_ratio = kNotApplicable;
  double concentration = kNotApplicable;
  double token_spread_median = kNotApplicable;
  double token_spread_max = kNotApplicable;
  double participation_ratio = kNotApplicable;
  std::vector<float> direction;  ///< unit, hidden_size numbers
};

struct AngleObservation {
  std::string reference;  ///< "previous", "base" or the name of an added reference
  double degrees = kNotApplicable;
  double noise_floor_degrees = kNotApplicable;
  std::int64_t step = 0;  ///< at which the reference was taken
};

/// That to a reference; null where there is none.
inline const AngleObservation* angle_to(std::span<const AngleObservation> angles,
                                        std::string_view reference) {
  const auto found = std::ranges::find(angles, reference, &AngleObservation::reference);
  return found == angles.end() ? nullptr : &*found;
}

enum class State { unspecified, absent, emerging, settling, stable, drifting, changed, nonfinite };
std::string_view name_of(State state);
inline constexpr std::array kStates = {State::absent,   State::emerging, State::settling,
                                       State::stable,   State::drifting, State::changed,
                                       State::nonfinite};

/// What can happen to a direction. `kind` of an event is one of these.
namespace event_kind {
inline constexpr std::string_view state_changed = "state_changed";
inline constexpr std::string_view primary_stage_changed = "primary_stage_changed";
inline constexpr std::string_view restabilised = "restabilised";
inline constexpr std::string_view direction_lost = "direction_lost";
inline constexpr std::string_view direction_came_up = "direction_came_up";
inline constexpr std::string_view nonfinite_weights = "nonfinite_weights";
inline constexpr std::string_view finite_weights = "finite_weights";
inline constexpr std::string_view unchanged_weights = "unchanged_weights";
inline constexpr std::string_view nonfinite_loss = "nonfinite_loss";
inline constexpr std::string_view run_resumed = "run_resumed";
inline constexpr std::string_view run_ended = "run_ended";
inline constexpr std::array all = {
    state_changed,     primary_stage_changed, restabilised,   direction_lost,
    direction_came_up, nonfinite_weights,     finite_weights, unchanged_weights,
    nonfinite_loss,    run_resumed,           run_ended};
}  // namespace event_kind

struct Event {
  std::string kind;
  std::int64_t step = 0;
  std::string message;
  double value = kNotApplicable;
};

struct Cost {
  double training_thread_seconds = 0;  ///< of this snapshot
  double analysis_cpu_seconds = 0;
  double analysis_wall_seconds = 0;
  double overhead_ratio = 0;  ///< of the run up to now, the snapshot at attach apart
  std::int64_t peak_extra_bytes = 0;
};

struct Observation {
  std::int32_t schema_version = kSchemaVersion;
  std::string run;
  std::int64_t attempt = 1;
  /// Counts the observations of a run from 1, over all attempts. A run that goes on skips the
  /// numbers of observations that the last attempt may have shown and not recorded.
  std::int64_t sequence = 0;
  std::int64_t step = 0;
  double time = 0;  ///< seconds since 1970-01-01 UTC
  double loss = kNotApplicable;
  bool loss_is_nan = false;  ///< `loss` is what training gave; else NaN says that it gave none
  ModelInfo model;
  ProbeInfo probe;
  std::vector<BlockObservation> blocks;
  std::vector<StageObservation> stages;
  std::int32_t primary_stage = -1;
  std::vector<float> direction;
  bool provisional = false;
  /// `absence_text` of this observation: that no token is high-norm, and how near one comes. Empty
  /// where one is, or hidden states are not finite.
  std::string absence;
  /// The run has a base, and no token of that is high-norm: there is no angle to it.
  bool base_absent = false;
  std::vector<AngleObservation> angles;
  State state = State::unspecified;
  std::int64_t state_since_step = 0;
  std::vector<Event> events;
  Cost cost;
  /// What of the model's files, settings or options was not used, a line each.
  std::vector<std::string> warnings;
  /// Where hidden states are not finite, the first weight that is not; nothing where every weight
  /// is finite, and the states overflow.
  std::optional<NonfiniteTensor> nonfinite;
  std::optional<TextObservation> text;  ///< what was measured on a text, or was tapped
};

/// Null where there is none.
const StageObservation* primary_stage(const Observation& observation);

/// Whether every norm of a block is a finite number. Where one is not, weights are NaN or infinite,
/// or hidden states overflowed.
bool has_finite_norms(const BlockObservation& block);

/// The peak ratio that the states go by: of the primary stage, or without one of the whole model,
/// the embedding apart.
double peak_ratio(const Observation& observation);

}  // namespace azimuth
