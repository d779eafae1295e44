#include "watch/watch_view.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "azimuth/absence_words.h"
#include "azimuth/state_words.h"
#include "azimuth/utf8.h"
#include "terminal/format_text.h"
#include "terminal/printable.h"
#include "terminal/spark_line.h"

namespace azimuth::cli {
namespace {

using words::Line;
using words::Tone;

constexpr std::size_t kSparks = 32;
constexpr std::size_t kEvents = 6;
constexpr std::size_t kReferences = 6;
constexpr std::size_t kNameWidth = 14;
constexpr std::size_t kAngleWidth = 22;

double degrees_to(const std::vector<AngleObservation>& angles, const std::string& reference) {
  const AngleObservation* angle = angle_to(angles, reference);
  return angle == nullptr ? kNotApplicable : angle->degrees;
}

std::string named(const std::string& name, const std::string& value) {
  return "  " + left(printable(name, kNameWidth - 1), kNameWidth) + value;
}

std::string title(const Observation& o) {
  return o.run + "   " + o.model.architecture +
         text(", %lld blocks, hidden size %lld", static_cast<long long>(o.model.block_count),
              static_cast<long long>(o.model.hidden_size));
}

/// "5 s ago, ": whether a run goes on is seen by the age of its newest snapshot.
std::string age_text(double seconds) {
  struct Unit {
    const char* name;
    double seconds;
  };
  constexpr Unit kUnits[] = {{"days", 86'400}, {"h", 3'600}, {"min", 60}};
  if (!(seconds >= 0)) return "";  // clocks of two machines
  for (const Unit& unit : kUnits) {
    if (seconds >= 2 * unit.seconds)
      return text("%.0f %s ago, ", seconds / unit.seconds, unit.name);
  }
  return text("%.0f s ago, ", seconds);
}

std::string progress(const Observation& o, double now) {
  std::string out = text("step %lld", static_cast<long long>(o.step));
  if (const std::string loss = words::loss_text(o); loss != "-") out += "   loss " + loss;
  // The age first: of a narrow terminal's line the end is cut.
  return out + "   " + age_text(now - o.time) + time_text(o.time) + " UTC";
}

/// In lines that fit beside the names, none of them long on a wide terminal.
std::vector<std::string> wrapped(const std::string& sentences, std::size_t columns) {
  const std::size_t beside = kNameWidth + 4;
  const std::size_t width = std::clamp<std::size_t>(columns, beside + 20, beside + 90) - beside;
  std::vector<std::string> lines;
  std::istringstream in(sentences);
  for (std::string word; in >> word;) {
    if (lines.empty() || utf8_characters(lines.back() + " " + word) > width) {
      lines.push_back(word);
    } else {
      lines.back() += " " + word;
    }
  }
  return lines;
}

}  // namespace

void WatchView::add(const Observation& observation) {
  if (newest_ && newest_->run != observation.run) {
    angles_.clear();
    events_.clear();
  }
  newest_ = observation;
  angles_.push_back(observation.angles);
  if (angles_.size() > kSparks) angles_.pop_front();
  for (const Event& event : observation.events) {
    events_.push_back(event);
    if (events_.size() > kEvents) events_.pop_front();
  }
}

std::string WatchView::angle_line(const AngleObservation& newest) const {
  std::vector<double> numbers;
  double largest = 0;
  for (const auto& angles : angles_) {
    numbers.push_back(degrees_to(angles, newest.reference));
    if (std::isfinite(numbers.back())) largest = std::max(largest, numbers.back());
  }
  return named("to " + newest.reference,
               left(words::banded_angle_text(*newest_, newest.reference), kAngleWidth) + "  " +
                   spark_line(numbers) + text("  up to %.3g°", largest));
}

std::vector<Line> WatchView::lines(std::size_t columns, std::size_t rows, double now) const {
  std::vector<Line> all;
  if (!newest_) {
    all.push_back({"connected to " + address_ + "; no snapshot yet"});
  } else {
    const Observation& o = *newest_;
    all.push_back({title(o)});
    all.push_back({address_ + "   " + progress(o, now)});
    all.push_back({});
    all.push_back({named("state", std::string(name_of(o.state)) + " since step " +
                                      std::to_string(o.state_since_step)),
                   words::tone_of(o.state)});
    const std::string fault = words::fault_text(o);
    const std::string sentences = words::state_text(o.state) +
                                  (fault.empty() ? "" : " Now " + fault + ".") + " " +
                                  words::nearest_text(o) + " " + words::base_absent_text(o);
    for (const std::string& line : wrapped(sentences, columns)) {
      all.push_back({named("", line)});
    }
    all.push_back(
        {named("norm ratio",
               (std::isfinite(peak_ratio(o)) ? text("%.4g", peak_ratio(o)) : "-") +
                   "   explosion " + words::blocks_text(o, &StageObservation::explosion_blocks) +
                   "   decay " + words::blocks_text(o, &StageObservation::decay_blocks))});
    for (const auto& angle : std::span(o.angles).first(std::min(o.angles.size(), kReferences))) {
      all.push_back({angle_line(angle)});
    }
    all.push_back({named("cost", text("%.2f%%", 100 * o.cost.overhead_ratio))});
    if (!events_.empty()) all.push_back({});
    for (const Event& event : events_) {
      all.push_back(
          {text("  step %lld  ", static_cast<long long>(event.step)) + words::event_text(event),
           Tone::notice});
    }
  }
  if (!note_.empty()) all.push_back({note_, Tone::notice});
  // The newest stands at the end; the header is what a low terminal can do without.
  if (all.size() > rows) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(rows));
  for (Line& line : all) line.text = printable(line.text, columns > 1 ? columns - 1 : 1);
  return all;
}

}  // namespace azimuth::cli
