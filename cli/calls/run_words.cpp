#include <cmath>

#include "azimuth/absence.h"
#include "azimuth/absence_words.h"
#include "azimuth/largest_coordinates.h"
#include "azimuth/linear_words.h"
#include "azimuth/state_words.h"
#include "calls/run_story.h"
#include "calls/stored_runs.h"
#include "terminal/format_text.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

constexpr std::size_t kLongestReference = 80;  // characters of a reference
constexpr std::size_t kLongestFault = 200;
constexpr std::size_t kLongestReasons = 2000;

long long whole(std::int64_t number) { return static_cast<long long>(number); }

std::string where_it_is(const Observation& newest) {
  if (newest.direction.empty()) return absence_text(newest) + ".";
  std::string coordinates;
  for (const std::size_t i : largest_coordinates(newest.direction, 3)) {
    coordinates += text("%s%zu (%+.2f)", coordinates.empty() ? "" : ", ", i,
                        static_cast<double>(newest.direction[i]));
  }
  return text("The %shigh-norm direction lies along coordinates %s of %zu.",
              newest.provisional ? "provisional " : "", coordinates.c_str(),
              newest.direction.size());
}

std::string about_norms(const Observation& newest) {
  if (!std::isfinite(peak_ratio(newest))) return {};
  std::string out = text("Hidden states are up to %.3g times as long as those of ordinary tokens",
                         peak_ratio(newest));
  if (const auto* stage = primary_stage(newest)) {
    out += text(", from block %d to block %d", stage->first_block, stage->last_block);
  }
  return out + ".";
}

std::string about_state(const RunStory& story) {
  const Observation& newest = story.newest;
  std::string out = (newest.direction.empty() ? "The run's state has been " : "It has been ") +
                    std::string(name_of(newest.state)) + " ";
  out += newest.state_since_step <= story.points.front().step
             ? "since the beginning."
             : text("since step %lld.", whole(newest.state_since_step));
  const std::string meaning = words::state_text(newest.state);
  return meaning.empty() ? out : out + " " + meaning;
}

std::string floor_in_words(const AngleObservation& angle) {
  if (std::isnan(angle.noise_floor_degrees)) return {};
  return text(" (what the method cannot resolve: %.2g°)", angle.noise_floor_degrees);
}

std::string about_angle(const AngleObservation& angle, const AngleObservation& farthest) {
  const bool base = angle.reference == "base";
  std::string out = text("It has turned %.3f° from ", angle.degrees) +
                    (base ? "its base" : printable(angle.reference, kLongestReference)) +
                    floor_in_words(angle) + ", " + words::reading_text(angle);
  if (base && farthest.degrees > angle.degrees) {
    out += text("; at step %lld it was %.3f° away", whole(farthest.step), farthest.degrees);
  }
  return out + ".";
}

}  // namespace

std::vector<std::string> in_words(const RunStory& story) {
  const Observation& newest = story.newest;
  std::vector<std::string> sentences;
  if (newest.state == State::nonfinite) {
    sentences.push_back(about_state(story));
    sentences.push_back("At step " + std::to_string(newest.step) + " " +
                        printable(words::fault_text(newest), kLongestFault) + ".");
  } else {
    const bool provisional = newest.provisional && !absence_text(newest).empty();
    if (provisional) sentences.push_back(absence_text(newest) + ".");
    sentences.push_back(where_it_is(newest));
    const std::string norms = provisional || newest.direction.empty() ? "" : about_norms(newest);
    if (!norms.empty()) sentences.push_back(norms);
    sentences.push_back(about_state(story));
    if (newest.base_absent) sentences.push_back(words::base_absent_text(newest));
  }
  if (newest.loss_is_nan) sentences.push_back("The training loss is NaN.");
  for (const AngleObservation& angle : newest.angles) {
    if (angle.reference == "previous" || std::isnan(angle.degrees)) continue;
    sentences.push_back(about_angle(angle, story.farthest));
  }
  for (const std::string& linear :
       {words::linear_gains_text(newest), words::no_spectral_text(newest)}) {
    if (!linear.empty()) sentences.push_back(printable(linear, kLongestReasons));
  }
  for (const std::string& loss : losses_of(story.run)) {
    sentences.push_back("Not all is here: " + loss + ".");
  }
  sentences.push_back(text(
      "Watching has cost %.2f%% of the machine's time: %.2f s of the training thread and %.1f "
      "CPU seconds of analysis.",
      100 * newest.cost.overhead_ratio, story.training_thread_seconds, story.analysis_cpu_seconds));
  if (story.replaced > 0) {
    sentences.push_back(
        text("The charts leave out %lld observation%s of steps that came again%s.",
             whole(story.replaced), story.replaced == 1 ? "" : "s",
             story.run.attempts > 1
                 ? text(": the run was started %lld times", whole(story.run.attempts)).c_str()
                 : ""));
  }
  return sentences;
}

}  // namespace azimuth::cli
