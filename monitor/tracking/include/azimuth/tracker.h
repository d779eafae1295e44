#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/observation.h"
#include "azimuth/signature.h"
#include "azimuth/thresholds.h"
#include "azimuth/tracker_state.h"

namespace azimuth {

/// Follows a direction from snapshot to snapshot: angles, states and events (docs/method.md, 6).
/// Plain computation without clocks, threads or input and output.
class Tracker {
 public:
  using References = std::vector<std::pair<std::string, std::shared_ptr<const Signature>>>;

  explicit Tracker(Thresholds thresholds, References references = {});

  /// With a base, a run begins as if it had rested there for a full window. One in which no token
  /// is high-norm gives no angles and is no anchor, but a direction that comes up is held against
  /// it: the event `direction_came_up` says that the base has none.
  void set_base(std::shared_ptr<const Signature> base);
  const std::shared_ptr<const Signature>& base() const { return base_; }

  /// Goes on from a state that `state()` gave in another process.
  void restore(TrackerState state) { state_ = std::move(state); }
  const TrackerState& state() const { return state_; }

  /// Whether this run's noise floor has to be estimated before `update`: at first, and when the
  /// primary stage is another one.
  bool needs_noise_floor(const Observation& observation) const;
  void set_noise_floor(double degrees) { state_.noise_floor_degrees = degrees; }

  /// Completes `observation` with angles, state and events, and remembers what the next one needs.
  /// One of the step that was seen last gets its angles and moves nothing. `ratio` is the peak
  /// ratio against the zero-attention reference; NaN: the observation's own.
  void update(Observation& observation,
              std::vector<std::vector<std::int32_t>> high_norm_tokens = {},
              double ratio = kNotApplicable);

 private:
  struct Measured;
  Measured measure(const Observation& observation, const PastDirections& now,
                   double peak_ratio) const;
  void note_nonfinite(Observation& observation);
  void note_unchanged(Observation& observation);
  void measure_angles(Observation& observation, const PastDirections& now,
                      const PastDirections* previous) const;
  void note_primary_change(Observation& observation, const PastDirections& now) const;
  void note_coming_up(Observation& observation, State before) const;
  void advance(Observation& observation, const PastDirections& now, double peak_ratio);
  State next(State state, const Measured& measured) const;
  void remember(const PastDirections& now);
  bool window_is_full() const;

  Thresholds thresholds_;
  References references_;
  std::shared_ptr<const Signature> base_;
  TrackerState state_;
};

}  // namespace azimuth
