#include "azimuth/tracker.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "azimuth/absence.h"
#include "azimuth/angle.h"
#include "azimuth/same_stage.h"

namespace azimuth {
namespace {

constexpr std::size_t kDefaultWindow = 5;  // snapshots
constexpr std::size_t kLeastWindow = 3;
constexpr std::int64_t kUnchangedSnapshots = 3;
constexpr double kDriftTurn = 1.5;  // × stable_angle: the turn at which STABLE is left

std::string degrees_text(double degrees) { return std::to_string(degrees).substr(0, 6) + "°"; }

// A provisional direction says nothing of a model yet: there is no angle to it.
bool has_direction(const std::shared_ptr<const Signature>& signature) {
  return signature != nullptr && signature->primary_stage >= 0;
}

bool had_none(State state) { return state == State::absent || state == State::emerging; }

bool had_settled(State state) {
  return state == State::stable || state == State::drifting || state == State::changed;
}

}  // namespace

/// What the states are decided by.
struct Tracker::Measured {
  double ratio = 0;
  bool high_norm = false;
  bool full_window = false;
  double turn = 0;       ///< largest angle between now and one in the window
  double to_anchor = 0;  ///< 0 without an anchor
  double to_base = 0;
};

Tracker::Tracker(Thresholds thresholds, References references)
    : thresholds_(thresholds), references_(std::move(references)) {
  thresholds_.check();
}

void Tracker::set_base(std::shared_ptr<const Signature> base) {
  base_ = std::move(base);
  if (has_direction(base_) && state_.window.empty()) {
    state_.window.assign(kDefaultWindow, directions_of(*base_));
  }
}

bool Tracker::needs_noise_floor(const Observation& observation) const {
  if (observation.direction.empty()) return false;
  if (std::isnan(state_.noise_floor_degrees) || state_.window.empty()) return true;
  const PastDirections& last = state_.window.back();
  return last.stages.empty() != observation.stages.empty() ||
         !(angle_degrees(observation.direction, last.direction) <= kSameStageDegrees);
}

void Tracker::update(Observation& observation,
                     std::vector<std::vector<std::int32_t>> high_norm_tokens, double ratio) {
  observation.base_absent = base_ != nullptr && !has_direction(base_);
  if (!std::ranges::all_of(observation.blocks, has_finite_norms)) {
    note_nonfinite(observation);
    return;
  }
  if (const auto since = std::exchange(state_.nonfinite_since_step, std::nullopt)) {
    observation.events.push_back(
        {std::string(event_kind::finite_weights), observation.step,
         "hidden states are finite again; they were not since step " + std::to_string(*since),
         static_cast<double>(*since)});
  }
  PastDirections now = directions_of(observation);
  now.noise_floor_degrees = state_.noise_floor_degrees;
  const auto& window = state_.window;
  const bool again = std::exchange(state_.last_step, observation.step) == observation.step;
  const bool is_last = again && !window.empty() && window.back().step == observation.step;
  const std::size_t before = window.size() - (is_last ? 1 : 0);
  measure_angles(observation, now, before > 0 ? &window[before - 1] : nullptr);
  if (!again) {
    note_unchanged(observation);
    note_primary_change(observation, now);
    state_.high_norm_tokens = std::move(high_norm_tokens);
    advance(observation, now, std::isnan(ratio) ? peak_ratio(observation) : ratio);
  }
  observation.state = state_.state;
  observation.state_since_step = state_.state_since_step;
}

// The state itself stays as it is, for when there are numbers again.
void Tracker::note_nonfinite(Observation& observation) {
  if (!state_.nonfinite_since_step) {
    state_.nonfinite_since_step = observation.step;
    const auto& found = observation.nonfinite;
    std::string message = "hidden states overflow, though every weight is finite";
    if (found) {
      message = (found->update ? "the update of " : "") + found->name +
                (found->block > 0 ? " (block " + std::to_string(found->block) + ")" : "") +
                " is NaN or infinite: hidden states cannot be computed";
    }
    observation.events.push_back({std::string(event_kind::nonfinite_weights), observation.step,
                                  std::move(message), kNotApplicable});
  }
  observation.state = State::nonfinite;
  observation.state_since_step = *state_.nonfinite_since_step;
}

void Tracker::note_unchanged(Observation& observation) {
  const std::string& fingerprint = observation.model.weights_fingerprint;
  if (fingerprint.empty()) return;
  if (fingerprint != state_.fingerprint) {
    state_.fingerprint = fingerprint;
    state_.fingerprint_since_step = observation.step;
    state_.fingerprint_snapshots = 0;
  }
  if (++state_.fingerprint_snapshots != kUnchangedSnapshots) return;
  observation.events.push_back(
      {std::string(event_kind::unchanged_weights), observation.step,
       "no weight of a block has changed since step " +
           std::to_string(state_.fingerprint_since_step) +
           ": is this the module that is trained, at a learning rate above 0?",
       static_cast<double>(state_.fingerprint_since_step)});
}

void Tracker::measure_angles(Observation& observation, const PastDirections& now,
                             const PastDirections* previous) const {
  if (now.direction.empty()) return;
  const auto add = [&](const std::string& name, const PastDirections& then, std::int64_t step) {
    const double angle = same_stage_angle(now, then);
    if (std::isnan(angle)) return;
    observation.angles.push_back(
        {name, angle, std::fmax(now.noise_floor_degrees, then.noise_floor_degrees), step});
  };
  if (previous != nullptr && previous->step != kBeforeFirstStep) {
    add("previous", *previous, previous->step);
  }
  if (has_direction(base_)) add("base", directions_of(*base_), 0);
  for (const auto& [name, signature] : references_) {
    if (has_direction(signature)) add(name, directions_of(*signature), 0);
  }
}

void Tracker::note_primary_change(Observation& observation, const PastDirections& now) const {
  if (state_.window.empty() || state_.window.back().stages.empty() || now.stages.empty()) return;
  const PastDirections& last = state_.window.back();
  if (angle_degrees(now.direction, last.direction) <= kSameStageDegrees) return;
  // Another stage leads, if one of the two is seen on both sides; else the direction itself turned.
  if (!nearest_stage(now.direction, last.stages) && !nearest_stage(last.direction, now.stages)) {
    return;
  }
  const auto& stage = observation.stages[static_cast<std::size_t>(observation.primary_stage)];
  observation.events.push_back(
      {std::string(event_kind::primary_stage_changed), observation.step,
       "the primary stage now begins at block " + std::to_string(stage.first_block),
       static_cast<double>(stage.first_block)});
}

void Tracker::remember(const PastDirections& now) {
  if (now.direction.empty()) {
    state_.window.clear();
    return;
  }
  state_.window.push_back(now);
  auto& window = state_.window;
  if (thresholds_.window_steps == 0) {
    if (window.size() > kDefaultWindow) window.erase(window.begin());
    return;
  }
  // The oldest one kept is the newest that lies a full window back.
  while (window.size() > kLeastWindow && window[1].step <= now.step - thresholds_.window_steps) {
    window.erase(window.begin());
  }
}

bool Tracker::window_is_full() const {
  const auto& window = state_.window;
  if (window.empty() || window.front().stages.empty()) return false;
  if (thresholds_.window_steps == 0) return window.size() >= kDefaultWindow;
  return window.size() >= kLeastWindow &&
         (window.front().step == kBeforeFirstStep ||
          window.front().step <= window.back().step - thresholds_.window_steps);
}

Tracker::Measured Tracker::measure(const Observation& observation, const PastDirections& now,
                                   double peak_ratio) const {
  Measured m;
  m.ratio = peak_ratio;
  m.high_norm = observation.primary_stage >= 0;
  m.full_window = window_is_full();
  for (const PastDirections& then : state_.window) {
    const double angle = same_stage_angle(now, then);
    if (!std::isnan(angle)) m.turn = std::max(m.turn, angle);
  }
  if (has_direction(base_)) {
    const double angle = same_stage_angle(now, directions_of(*base_));
    m.to_base = std::isnan(angle) ? 0 : angle;
    m.to_anchor = m.to_base;
  } else if (state_.anchor) {
    const double angle = same_stage_angle(now, *state_.anchor);
    m.to_anchor = std::isnan(angle) ? 0 : angle;
  }
  return m;
}

State Tracker::next(State state, const Measured& m) const {
  const Thresholds& t = thresholds_;
  const bool with_base = has_direction(base_);
  const bool rests = m.full_window && m.turn <= t.stable_angle;
  if (!m.high_norm) {
    const double least = state == State::absent || state == State::unspecified
                             ? t.emerging_ratio
                             : kHysteresis * t.emerging_ratio;
    return m.ratio >= least ? State::emerging : State::absent;
  }
  switch (state) {
    case State::unspecified:
    case State::absent:
    case State::emerging:
      return State::settling;
    case State::settling:
      return rests ? State::stable : State::settling;
    case State::stable:
      if (m.to_anchor > t.changed_angle) return State::changed;
      if (m.turn > kDriftTurn * t.stable_angle || m.to_anchor > t.drift_angle) {
        return State::drifting;
      }
      return State::stable;
    case State::drifting:
      if (m.to_anchor > t.changed_angle) return State::changed;
      if (rests && (!with_base || m.to_base <= kHysteresis * t.drift_angle)) return State::stable;
      return State::drifting;
    case State::changed:
      if (with_base && m.to_anchor < kHysteresis * t.changed_angle) return State::drifting;
      if (!with_base && rests) return State::stable;
      return State::changed;
    case State::nonfinite:
      break;  // of an observation alone
  }
  return state;
}

// Said of a model that had none: at the last snapshot, or at the first one as a base without any.
void Tracker::note_coming_up(Observation& observation, State before) const {
  if (observation.primary_stage < 0) return;
  if (!had_none(before) && !(before == State::unspecified && observation.base_absent)) return;
  observation.events.push_back({std::string(event_kind::direction_came_up), observation.step,
                                "tokens are high-norm: " + largest_ratio_text(observation) +
                                    (observation.base_absent ? "; the base has no direction" : ""),
                                peak_ratio(observation)});
}

void Tracker::advance(Observation& observation, const PastDirections& now, double peak_ratio) {
  remember(now);
  Measured measured = measure(observation, now, peak_ratio);
  const State before = state_.state;
  const std::int64_t step = observation.step;

  // Several thresholds can be passed at once: absent to stable, where a base fills the window.
  for (int i = 0; i < 6; ++i) {
    const State from = state_.state;
    const State to = next(from, measured);
    if (to == from) break;
    state_.state = to;
    // Seen for at least one observation, even where the window already rests again.
    if (to == State::drifting || to == State::changed) break;
    if (to == State::stable && !has_direction(base_)) {
      if (had_settled(from)) {
        observation.events.push_back({std::string(event_kind::restabilised), step,
                                      "rests again, " + degrees_text(measured.to_anchor) +
                                          " from where it was stable before",
                                      measured.to_anchor});
      }
      state_.anchor = now;
      measured.to_anchor = 0;
    }
  }
  if (state_.state != before) {
    state_.state_since_step = step;
    if (had_settled(before) && !measured.high_norm) {
      observation.events.push_back({std::string(event_kind::direction_lost), step,
                                    "no token is high-norm any more", measured.ratio});
    }
    note_coming_up(observation, before);
    observation.events.push_back(
        {std::string(event_kind::state_changed), step,
         std::string(name_of(before)) + " → " + std::string(name_of(state_.state)),
         kNotApplicable});
  }
}

}  // namespace azimuth
