#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "azimuth/observation.h"
#include "azimuth/snapshot_line.h"

namespace azimuth::cli {

/// What a person sees of a run that is watched on a terminal.
class WatchView {
 public:
  explicit WatchView(std::string address) : address_(std::move(address)) {}

  void add(const Observation& observation);
  /// What is said below everything, "reconnecting ..."; empty: nothing.
  void set_note(std::string note) { note_ = std::move(note); }

  /// At most `columns` wide each, and at most `rows` of them, `now` (Unix seconds).
  std::vector<words::Line> lines(std::size_t columns, std::size_t rows, double now) const;

 private:
  std::string angle_line(const AngleObservation& newest) const;

  std::string address_;
  std::string note_;
  std::optional<Observation> newest_;
  std::deque<std::vector<AngleObservation>> angles_;  ///< of the last observations
  std::deque<Event> events_;                          ///< the last ones
};

}  // namespace azimuth::cli
