#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/observation.h"

/// What a person reads of an observation in one line: the console exporter's lines, for other
/// programs that show a run on a terminal.
///
///     std::puts(azimuth::words::header_line().c_str());
///     for (const auto& line : azimuth::words::lines_of(observation))
///     std::puts(line.text.c_str());
///
/// UTF-8, one column a character, without line ends and colours. Messages of events stand in it as
/// they are: of a stranger's observation they may hold anything. Thread-safe; throws nothing but
/// std::bad_alloc.
namespace azimuth::words {

enum class Tone { plain, good, notice, bad };

struct Line {
  std::string text;
  Tone tone = Tone::plain;
};

/// Names of the columns, aligned with those of `lines_of`.
std::string header_line();

/// One line of numbers; where a state begins, one that says what it means; one for each event.
std::vector<Line> lines_of(const Observation& observation);

/// "0.172° (±0.010)", with the noise floor where there is one; "-" where there is no such angle.
std::string angle_text(const Observation& observation, std::string_view reference);

/// The same with the threshold beside it: "0.172° (±0.010) < 5°".
std::string banded_angle_text(const Observation& observation, std::string_view reference);

/// The explosion or decay blocks of all stages, in order, each once.
std::set<std::int32_t> blocks_of(const Observation& observation,
                                 std::vector<BlockFactor> StageObservation::*list);

/// "3,12": the explosion or decay blocks of all stages; "-" where there are none. Long lists are
/// shortened.
std::string blocks_text(const Observation& observation,
                        std::vector<BlockFactor> StageObservation::*list);

/// The kind of an event in words: "direction changed".
std::string kind_text(const Event& event);

/// The kind, and what the event says.
std::string event_text(const Event& event);

Tone tone_of(State state);

/// With the escape codes of its tone.
std::string coloured(const Line& line);

}  // namespace azimuth::words
