#include "calls/run_story.h"

#include <cmath>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

constexpr std::size_t kFirstEvents = 50;
constexpr std::size_t kLastEvents = 150;
constexpr std::size_t kLongestMessage = 200;  // characters
constexpr std::size_t kLongestKind = 40;

bool is_from_previous(const AngleObservation& angle) { return angle.reference == "previous"; }

bool is_severe(const Event& event, State state) {
  return event.kind == event_kind::direction_lost || event.kind == event_kind::nonfinite_weights ||
         event.kind == event_kind::nonfinite_loss ||
         (event.kind == event_kind::state_changed && state == State::changed);
}

void add_events(RunStory& story, const Observation& o) {
  for (const Event& event : o.events) {
    const bool severe = is_severe(event, o.state);
    story.marks.push_back({event.step, severe});
    Event readable = event;
    readable.kind = printable(event.kind, kLongestKind);
    readable.message = printable(event.message, kLongestMessage);
    story.events.push_back({readable, o.attempt, o.time, severe});
    if (story.events.size() > kFirstEvents + kLastEvents) {
      story.events.erase(story.events.begin() + kFirstEvents);
      ++story.events_left_out;
    }
  }
}

/// A run that ends normally observes its last step once more, if it had a snapshot: the point stays
/// one. Its angle to the previous snapshot would be that of the step to itself.
void add_again(RunPoint& point, const Observation& o) {
  std::vector<AngleObservation> angles = std::move(point.angles);
  std::erase_if(angles, std::not_fn(is_from_previous));
  point = run_point(o);
  std::erase_if(point.angles, is_from_previous);
  point.angles.insert(point.angles.begin(), angles.begin(), angles.end());
}

/// `story.newest` is still the one before `o`.
void add_point(RunStory& story, const Observation& o) {
  if (!story.points.empty() && story.newest.attempt == o.attempt && story.newest.step == o.step) {
    return add_again(story.points.back(), o);
  }
  while (!story.points.empty() && story.points.back().step >= o.step) {
    story.points.pop_back();
    ++story.replaced;
  }
  story.points.push_back(run_point(o));
}

/// Of the points alone: what an earlier attempt did does not count.
AngleObservation farthest_from_base(const std::vector<RunPoint>& points) {
  AngleObservation farthest;
  for (const RunPoint& point : points) {
    for (const AngleObservation& angle : point.angles) {
      if (angle.reference != "base" || std::isnan(angle.degrees)) continue;
      if (angle.degrees <= farthest.degrees) continue;
      farthest = angle;
      farthest.step = point.step;
    }
  }
  return farthest;
}

}  // namespace

RunStory read_story(HistoryReader& history, const HistoryReader::Run& run,
                    const std::function<void()>& advance) {
  RunStory story;
  story.run = run;
  history.for_each(run.run, [&](const Observation& o) {
    add_events(story, o);
    add_point(story, o);
    if (!o.model.weights_digest.empty()) {
      story.weights_digest = o.model.weights_digest;
      story.digest_step = o.step;
    }
    story.training_thread_seconds += o.cost.training_thread_seconds;
    story.analysis_cpu_seconds += o.cost.analysis_cpu_seconds;
    story.newest = o;
    advance();
  });
  if (story.points.empty()) throw std::runtime_error("run " + run.run + ": no observations");
  story.farthest = farthest_from_base(story.points);
  if (const auto signature = history.signature_at_step(run.run, story.newest.step)) {
    story.noise_floor_degrees = signature->noise_floor_degrees;
  }
  return story;
}

}  // namespace azimuth::cli
