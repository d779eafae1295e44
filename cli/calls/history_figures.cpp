#include "calls/history_figures.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <system_error>

#include "azimuth/file_error.h"
#include "azimuth/replace_file.h"
#include "azimuth/snapshot_line.h"
#include "tensorboard/event_file.h"
#include "terminal/format_text.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

double degrees_to(const Observation& o, std::string_view reference) {
  const AngleObservation* angle = angle_to(o.angles, reference);
  return angle == nullptr ? kNotApplicable : angle->degrees;
}

double floor_to(const Observation& o, std::string_view reference) {
  const AngleObservation* angle = angle_to(o.angles, reference);
  return angle == nullptr ? kNotApplicable : angle->noise_floor_degrees;
}

struct Figure {
  const char* name;
  double (*value)(const Observation&);
};

// Columns of CSV, and scalars of TensorBoard. The loss is the first.
constexpr Figure kFigures[] = {
    {"loss", [](const Observation& o) { return o.loss; }},
    {"peak_ratio", [](const Observation& o) { return peak_ratio(o); }},
    {"angle_to_previous", [](const Observation& o) { return degrees_to(o, "previous"); }},
    {"angle_to_previous_noise_floor", [](const Observation& o) { return floor_to(o, "previous"); }},
    {"angle_to_base", [](const Observation& o) { return degrees_to(o, "base"); }},
    {"angle_to_base_noise_floor", [](const Observation& o) { return floor_to(o, "base"); }},
    {"overhead_ratio", [](const Observation& o) { return o.cost.overhead_ratio; }},
    {"training_thread_seconds",
     [](const Observation& o) { return o.cost.training_thread_seconds; }},
    {"analysis_cpu_seconds", [](const Observation& o) { return o.cost.analysis_cpu_seconds; }},
};

std::string figure_text(double value) { return std::isnan(value) ? "" : text("%.9g", value); }

std::string quoted(const std::string& untrusted) {
  const std::string cell = printable(untrusted);
  if (cell.find_first_of(",\"") == std::string::npos) return cell;
  std::string out = "\"";
  for (const char c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

/// Separated by spaces, in order, each once.
std::string block_numbers(const Observation& o, std::vector<BlockFactor> StageObservation::*list) {
  std::string out;
  for (const std::int32_t block : words::blocks_of(o, list))
    out += (out.empty() ? "" : " ") + std::to_string(block);
  return out;
}

std::string events_cell(const Observation& o) {
  std::string out;
  for (const Event& event : o.events) {
    out += (out.empty() ? "" : "; ") + event.kind + (event.message.empty() ? "" : ": ") +
           event.message;
  }
  return out;
}

std::string other_angles(const Observation& o) {
  std::string out;
  for (const AngleObservation& angle : o.angles) {
    if (angle.reference == "previous" || angle.reference == "base") continue;
    if (std::isnan(angle.degrees)) continue;
    out += (out.empty() ? "" : "; ") + angle.reference + ": " + figure_text(angle.degrees);
  }
  return out;
}

/// A name for a folder that stays in the folder it is put into, and is no other's.
std::string folder_name(const std::string& run, std::set<std::string>& taken) {
  std::string name;
  for (const char c : run.substr(0, 100)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain || c == '-' || c == '_' || (c == '.' && !name.empty()) ? c : '_';
  }
  if (name.empty()) name = "_";
  const std::string first = name;
  for (int n = 2; !taken.insert(name).second; ++n) name = first + "-" + std::to_string(n);
  return name;
}

EventFile event_file_of(HistoryReader& history, const HistoryReader::Run& run) {
  EventFile file(std::isnan(run.first_time) ? 0 : run.first_time);
  std::int64_t attempt = 0;
  history.for_each(run.run, [&](const Observation& o) {
    if (attempt != 0 && o.attempt != attempt) file.restart(o.time, o.step);
    attempt = o.attempt;
    std::vector<Scalar> scalars;
    for (const Figure& figure : kFigures) {
      scalars.push_back({"azimuth/" + std::string(figure.name), figure.value(o)});
    }
    file.add(o.time, o.step, scalars);
  });
  return file;
}

}  // namespace

std::string csv_header() {
  std::string out = "run,attempt,step,time,state,state_since_step,provisional";
  for (const Figure& figure : kFigures) out += std::string(",") + figure.name;
  return out + ",explosion_blocks,decay_blocks,angles_to_others,events\n";
}

std::string csv_row(const Observation& o) {
  std::string out = quoted(o.run) + "," + std::to_string(o.attempt) + "," + std::to_string(o.step) +
                    "," + text("%.3f", o.time) + "," + std::string(name_of(o.state)) + "," +
                    std::to_string(o.state_since_step) + "," + (o.provisional ? "1" : "0");
  for (const Figure& figure : kFigures) {
    const bool is_nan_loss = &figure == kFigures && o.loss_is_nan && std::isnan(o.loss);
    out += "," + (is_nan_loss ? "nan" : figure_text(figure.value(o)));
  }
  return out + "," + block_numbers(o, &StageObservation::explosion_blocks) + "," +
         block_numbers(o, &StageObservation::decay_blocks) + "," + quoted(other_angles(o)) + "," +
         quoted(events_cell(o)) + "\n";
}

void write_event_files(const std::filesystem::path& folder, HistoryReader& history,
                       const std::vector<HistoryReader::Run>& runs) {
  std::set<std::string> taken;
  for (const HistoryReader::Run& run : runs) {
    const EventFile file = event_file_of(history, run);
    const std::filesystem::path place = folder / folder_name(run.run, taken);
    std::error_code error;
    std::filesystem::create_directories(place, error);
    if (error) throw FileError(place, "create", error.message());
    // One name for a run, so that a later export takes the place of an earlier one.
    const auto began = static_cast<long long>(std::isnan(run.first_time) ? 0 : run.first_time);
    replace_file(place / text("events.out.tfevents.%010lld.azimuth", began), file.bytes());
  }
}

}  // namespace azimuth::cli
