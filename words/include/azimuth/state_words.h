#pragma once

#include <span>
#include <string>
#include <string_view>

#include "azimuth/observation.h"

/// What the words of a run mean, for a person who sees them for the first time: one table for all
/// that shows them. Degrees are those of Thresholds as they are by default. Thread-safe; throws
/// nothing but std::bad_alloc.
namespace azimuth::words {

struct StateWords {
  State state;
  std::string_view meaning;  ///< a sentence
  std::string_view advice;   ///< what to do
};
/// Of the states of kStates, in their order.
std::span<const StateWords> state_words();

/// Meaning and advice; empty for State::unspecified.
std::string state_text(State state);

/// Why there is nothing to follow, where the state is State::nonfinite: "the first tensor at fault
/// is layers.3.mlp.weight, of block 4". Empty elsewhere. The name is a stranger's.
std::string fault_text(const Observation& observation);

/// The loss with four digits; "NaN" and "infinite" where training gave that, "-" where it gave
/// none.
std::string loss_text(const Observation& observation);

/// Which of the thresholds an angle has passed: "> 5°", or "< 5°" for the first of them. From a
/// snapshot to the one before that is 2°; from a base or another reference 5°, then 30°. Empty
/// where there is no angle.
std::string band_text(const AngleObservation& angle);

/// The same in words: "below 5°, where drifting begins".
std::string reading_text(const AngleObservation& angle);

/// What the columns of angles are, in a line.
std::string legend_line();

struct Term {
  std::string_view term;
  std::string_view meaning;
};
std::span<const Term> glossary();

}  // namespace azimuth::words
