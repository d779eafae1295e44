#include "report.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <utility>

#include "azimuth/absence.h"
#include "azimuth/history_reader.h"
#include "azimuth/largest_coordinates.h"
#include "azimuth/pictures.h"
#include "azimuth/replace_file.h"

namespace azimuth::examples {

namespace {

[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  return buffer;
}

std::string coordinates_in_words(std::span<const float> direction) {
  std::string list;
  for (const std::size_t i : azimuth::largest_coordinates(direction, 3)) {
    list += text("%s%zu (%.2f)", list.empty() ? "" : ", ", i, direction[i]);
  }
  return list;
}

std::string direction_in_words(const Observation& newest) {
  if (newest.direction.empty()) {
    return newest.state == State::nonfinite ? "Hidden states are not finite.\n"
                                            : absence_text(newest) + ".\n";
  }
  std::string words = text("The %sdirection lies along coordinates %s of %zu.\n",
                           newest.provisional ? "provisional " : "",
                           coordinates_in_words(newest.direction).c_str(), newest.direction.size());
  words +=
      text("Hidden states along it are up to %.3g times as long as those of ordinary tokens.\n",
           azimuth::peak_ratio(newest));
  if (const auto* stage = azimuth::primary_stage(newest)) {
    words += text("They are from block %d to block %d.\n", stage->first_block, stage->last_block);
  }
  return words;
}

std::string angles_in_words(const Observation& newest) {
  std::string words;
  for (const auto& angle : newest.angles) {
    if (angle.reference == "previous" || std::isnan(angle.degrees)) continue;
    words += text("It has turned %.3f° from %s", angle.degrees,
                  angle.reference == "base" ? "its base" : angle.reference.c_str());
    if (!std::isnan(angle.noise_floor_degrees)) {
      words += text(" (what the method cannot resolve: %.2g°)", angle.noise_floor_degrees);
    }
    words += ".\n";
  }
  return words;
}

}  // namespace

std::vector<Observation> observations_of(const std::filesystem::path& store, std::string_view run) {
  std::map<std::int64_t, Observation> by_step;
  std::int64_t last_step = 0;
  HistoryReader(store).for_each(run, [&](const Observation& o) {
    Observation& kept = by_step.try_emplace(o.step, o).first->second;
    if (o.attempt > kept.attempt) kept = o;
    last_step = o.step;
  });
  by_step.erase(by_step.upper_bound(last_step), by_step.end());
  std::vector<Observation> observations;
  for (auto& [step, observation] : by_step) observations.push_back(std::move(observation));
  return observations;
}

std::string summary(std::span<const Observation> observations, const MonitorStatus& status) {
  if (observations.empty()) {
    for (const auto& exporter : status.exporters) {
      if (exporter.name != "store" || exporter.failures == 0) continue;
      return text(
          "The store holds no observation: %llu attempts to write to it failed, as was "
          "logged (is the disk full?).\n",
          static_cast<unsigned long long>(exporter.failures));
    }
    return "Nothing has been observed.\n";
  }
  const Observation& newest = observations.back();
  const Observation& first = observations.front();
  std::string words = text("Run %s, step %lld, %zu observations.\n", newest.run.c_str(),
                           static_cast<long long>(newest.step), observations.size());
  words += direction_in_words(newest);
  words += text("It has been %s ", std::string(name_of(newest.state)).c_str());
  words += newest.state_since_step <= first.step
               ? "since the beginning.\n"
               : text("since step %lld.\n", static_cast<long long>(newest.state_since_step));
  words += angles_in_words(newest);
  words += text(
      "Watching has cost %.2f%% of the machine's time: %.2f s of the training thread and %.1f CPU "
      "seconds of analysis.\n",
      100 * newest.cost.overhead_ratio, status.training_thread_seconds,
      status.analysis_cpu_seconds);
  return words;
}

void write_picture(std::span<const Observation> observations, const std::filesystem::path& file) {
  replace_file(file, draw_run(observations));
}

}  // namespace azimuth::examples
