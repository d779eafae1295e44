#include "azimuth/state_words.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>

#include "azimuth/thresholds.h"

namespace azimuth::words {
namespace {

constexpr StateWords kStateWords[] = {
    {State::absent,
     "No hidden states are more than twice as long as ordinary ones: there is no high-norm "
     "direction.",
     "A young model: wait. One with gated attention may never have a direction, and nothing is "
     "wrong. In the fine-tuning of a model that has one, see whether the right module is watched."},
    {State::emerging,
     "Some hidden states are more than twice as long as ordinary ones, none ten times; the "
     "direction shown is a forecast.",
     "Wait: its angles mean little. Some models stay like this."},
    {State::settling,
     "Some hidden states are more than ten times as long as ordinary ones, and their direction "
     "still turns.",
     "Wait: it is stable once it turns by at most 2° over five snapshots."},
    {State::stable,
     "The direction rests: it turns by at most 2° over five snapshots, and is within 5° of its "
     "base or of where it settled.",
     "Do nothing: training usually goes on like this."},
    {State::drifting,
     "The direction turns by more than 3° over five snapshots, or is more than 5° from its base or "
     "from where it settled.",
     "Keep a checkpoint, and look for what began at that step: a learning rate, other data, merged "
     "weights."},
    {State::changed,
     "The direction is more than 30° from its base or from where it settled: by this measure it is "
     "another model.",
     "Compare it with the last checkpoint before that, and go back there unless the change is "
     "meant."},
    {State::nonfinite,
     "Hidden states are NaN or infinite: there is nothing to follow until they are numbers again.",
     "Stop, and go on from the last checkpoint before that: later steps do not mend such weights."},
};

constexpr Term kGlossary[] = {
    {"hidden state",
     "what a block of the model hands on for a token: a vector, of the model's hidden size"},
    {"high-norm token",
     "one whose hidden states are more than ten times as long as those of ordinary tokens"},
    {"norm ratio",
     "how many times as long the longest of them is: hundreds are usual in a trained model"},
    {"high-norm direction",
     "the one line along which all of these lie, whatever the token; it hardly moves once a model "
     "is trained"},
    {"explosion block", "where hidden states become that long; at a decay block they shrink again"},
    {"angle, turn",
     "degrees between two directions: 0° is the same line, 90° is as far apart as lines can be"},
    {"base", "the model that a fine-tuning started from"},
    {"±, noise floor",
     "what the method cannot resolve: an angle below it is no turn, and one just above it is still "
     "a tiny one"},
    {"2°, 5°, 30°",
     "a direction that turns by no more than 2° over five snapshots rests; beyond 5° from its base "
     "it drifts, beyond 30° it has changed"},
    {"state",
     "all of this in a word: absent, emerging, settling, stable, drifting, changed or nonfinite"},
};

bool is_previous(const AngleObservation& angle) { return angle.reference == "previous"; }

std::string degrees_of(double threshold) {
  char text[32];
  std::snprintf(text, sizeof text, "%g°", threshold);
  return text;
}

}  // namespace

std::span<const StateWords> state_words() { return kStateWords; }

std::string state_text(State state) {
  const auto found = std::ranges::find(kStateWords, state, &StateWords::state);
  if (found == std::end(kStateWords)) return {};
  return std::string(found->meaning) + " " + std::string(found->advice);
}

std::string fault_text(const Observation& o) {
  if (o.state != State::nonfinite) return {};
  if (!o.nonfinite) return "hidden states overflow, though every weight is finite";
  return std::string("the first tensor at fault is ") +
         (o.nonfinite->update ? "the update of " : "") + o.nonfinite->name +
         (o.nonfinite->block > 0 ? ", of block " + std::to_string(o.nonfinite->block) : "");
}

std::string loss_text(const Observation& o) {
  if (std::isnan(o.loss)) return o.loss_is_nan ? "NaN" : "-";
  if (std::isinf(o.loss)) return o.loss > 0 ? "infinite" : "-infinite";
  char text[64];
  std::snprintf(text, sizeof text, std::fabs(o.loss) >= 1000 ? "%.3g" : "%.4f", o.loss);
  return text;
}

std::string band_text(const AngleObservation& angle) {
  const Thresholds t;
  if (std::isnan(angle.degrees)) return {};
  const double first = is_previous(angle) ? t.stable_angle : t.drift_angle;
  if (angle.degrees <= first) return "< " + degrees_of(first);
  const bool changed = !is_previous(angle) && angle.degrees > t.changed_angle;
  return "> " + degrees_of(changed ? t.changed_angle : first);
}

std::string reading_text(const AngleObservation& angle) {
  const Thresholds t;
  if (std::isnan(angle.degrees)) return {};
  if (is_previous(angle)) {
    const bool rests = angle.degrees <= t.stable_angle;
    return (rests ? "below " : "beyond ") + degrees_of(t.stable_angle) +
           (rests ? ", at rest" : ", turning");
  }
  if (angle.degrees <= t.drift_angle) {
    return "below " + degrees_of(t.drift_angle) + ", where drifting begins";
  }
  if (angle.degrees <= t.changed_angle) {
    return "beyond " + degrees_of(t.drift_angle) + ", where drifting begins, and below " +
           degrees_of(t.changed_angle) + ", where it counts as changed";
  }
  return "beyond " + degrees_of(t.changed_angle) + ", where it counts as changed";
}

std::string legend_line() {
  const Thresholds t;
  return "to previous: up to " + degrees_of(t.stable_angle) + " at rest; to base: beyond " +
         degrees_of(t.drift_angle) + " drifting, beyond " + degrees_of(t.changed_angle) +
         " changed; ±: what the method cannot resolve";
}

std::span<const Term> glossary() { return kGlossary; }

}  // namespace azimuth::words
