#include "azimuth/snapshot_line.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <string_view>

#include "azimuth/absence_words.h"
#include "azimuth/state_words.h"
#include "azimuth/utf8.h"

namespace azimuth::words {
namespace {

constexpr std::string_view kDash = "-";
constexpr std::string_view kNoDirection = "no direction";  // in the place of an angle

struct Column {
  std::string_view title;
  std::size_t width;
  bool right;  ///< aligned
};

constexpr Column kColumns[] = {
    {"step", 8, true},        {"loss", 9, true},          {"state", 11, false},
    {"ratio", 8, true},       {"to previous", 20, false}, {"to base", 20, false},
    {"explosion", 12, false}, {"decay", 12, false},       {"cost", 7, true},
};

std::string row(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Column& column = kColumns[i];
    const std::string padding(column.width - std::min(column.width, utf8_characters(cells[i])),
                              ' ');
    if (i > 0) line += "  ";
    line += column.right ? padding + cells[i] : cells[i] + padding;
  }
  return line;
}

std::string number(const char* format, double value) {
  if (std::isnan(value)) return std::string(kDash);
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

/// Three decimals, or an order of magnitude where these would all be 0 and it says something: what
/// lies below 1e-9 is rounding.
std::string degrees(double value) {
  return number(value > 1e-9 && value < 0.0005 ? "%.0e" : "%.3f", value);
}

const char* colour_of(Tone tone) {
  switch (tone) {
    case Tone::good:
      return "\x1b[32m";
    case Tone::notice:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::plain:
      return "";
  }
  return "";
}

}  // namespace

std::string angle_text(const Observation& observation, std::string_view reference) {
  for (const AngleObservation& angle : observation.angles) {
    if (angle.reference != reference || std::isnan(angle.degrees)) continue;
    std::string text = degrees(angle.degrees) + "°";
    if (!std::isnan(angle.noise_floor_degrees)) {
      text += " (±" + degrees(angle.noise_floor_degrees) + ")";
    }
    return text;
  }
  return std::string(kDash);
}

std::string banded_angle_text(const Observation& observation, std::string_view reference) {
  const std::string text = angle_text(observation, reference);
  const AngleObservation* angle = angle_to(observation.angles, reference);
  return text == kDash || angle == nullptr ? text : text + " " + band_text(*angle);
}

std::set<std::int32_t> blocks_of(const Observation& observation,
                                 std::vector<BlockFactor> StageObservation::*list) {
  std::set<std::int32_t> blocks;
  for (const StageObservation& stage : observation.stages) {
    for (const BlockFactor& block : stage.*list) blocks.insert(block.block);
  }
  return blocks;
}

std::string blocks_text(const Observation& observation,
                        std::vector<BlockFactor> StageObservation::*list) {
  constexpr std::size_t width = 12;  // of the column
  const std::set<std::int32_t> sorted = blocks_of(observation, list);
  std::string text;
  for (const std::int32_t block : sorted) {
    std::string next = text.empty() ? "" : ",";
    next += std::to_string(block);
    const std::size_t room = block == *sorted.rbegin() ? width : width - 2;
    if (text.size() + next.size() > room) return text + ",…";
    text += next;
  }
  return text.empty() ? std::string(kDash) : text;
}

std::string kind_text(const Event& event) {
  std::string kind = event.kind;
  std::ranges::replace(kind, '_', ' ');
  return kind;
}

std::string event_text(const Event& event) {
  return kind_text(event) + (event.message.empty() ? "" : ": " + event.message);
}

Tone tone_of(State state) {
  switch (state) {
    case State::stable:
      return Tone::good;
    case State::drifting:
      return Tone::notice;
    case State::changed:
    case State::nonfinite:
      return Tone::bad;
    default:
      return Tone::plain;
  }
}

std::string coloured(const Line& line) {
  return line.tone == Tone::plain ? line.text : colour_of(line.tone) + line.text + "\x1b[0m";
}

std::string header_line() {
  std::vector<std::string> titles;
  for (const Column& column : kColumns) titles.emplace_back(column.title);
  return row(titles);
}

namespace {

std::string angle_cell(const Observation& o, std::string_view reference, bool absent) {
  const std::string text = banded_angle_text(o, reference);
  return std::string(absent && text == kDash ? kNoDirection : text);
}

}  // namespace

std::vector<Line> lines_of(const Observation& o) {
  std::vector<Line> lines;
  lines.push_back(
      {row({std::to_string(o.step), loss_text(o), std::string(name_of(o.state)),
            number("%.1f", peak_ratio(o)), angle_cell(o, "previous", o.state == State::absent),
            angle_cell(o, "base", o.base_absent),
            blocks_text(o, &StageObservation::explosion_blocks),
            blocks_text(o, &StageObservation::decay_blocks),
            number("%.2f%%", 100 * o.cost.overhead_ratio)}),
       tone_of(o.state)});
  if (o.state_since_step == o.step && o.state != State::unspecified) {
    const std::string fault = fault_text(o);
    const std::string nearest = nearest_text(o);
    lines.push_back({"  = " + std::string(name_of(o.state)) + ": " + state_text(o.state) +
                         (fault.empty() ? "" : " At step " + std::to_string(o.step) + " " + fault) +
                         (nearest.empty() ? "" : " " + nearest),
                     tone_of(o.state)});
  }
  for (const Event& event : o.events) lines.push_back({"  ! " + event_text(event), Tone::notice});
  return lines;
}

}  // namespace azimuth::words
