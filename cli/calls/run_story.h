#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "azimuth/history_reader.h"
#include "azimuth/observation.h"
#include "azimuth/run_charts.h"

namespace azimuth::cli {

/// All that a report tells of a run. Small, even for a long run: only `points` and `marks` grow
/// with it.
struct RunStory {
  struct Happening {
    Event event;  ///< its texts cut to a readable length
    std::int64_t attempt = 0;
    double time = 0;
    bool severe = false;  ///< like the mark of the same event
  };

  HistoryReader::Run run;
  Observation newest;
  /// Each step once. Where a later attempt repeated steps, its points have replaced the earlier
  /// ones.
  std::vector<RunPoint> points;
  std::int64_t replaced = 0;      ///< how many points were replaced so
  std::vector<Happening> events;  ///< the first and the last ones, where there are many
  std::int64_t events_left_out = 0;
  std::vector<EventMark> marks;  ///< of all events, those left out included
  double noise_floor_degrees = kNotApplicable;
  std::string weights_digest;  ///< the newest one; empty: none
  std::int64_t digest_step = 0;
  double training_thread_seconds = 0;
  double analysis_cpu_seconds = 0;
  AngleObservation farthest;  ///< from the base; not a number without one
};

/// Reads a run; `advance` is called for every observation. Throws std::runtime_error, "FILE: what:
/// why".
RunStory read_story(HistoryReader& history, const HistoryReader::Run& run,
                    const std::function<void()>& advance);

/// The story in sentences.
std::vector<std::string> in_words(const RunStory& story);

}  // namespace azimuth::cli
