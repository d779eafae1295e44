#include "calls/stored_runs.h"

#include <cmath>

#include "azimuth/file_error.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

constexpr std::size_t kLongestExporter = 40;  // characters

std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// Both, of one day the day once.
std::string from_to(double first, double last) {
  constexpr std::size_t kDay = 11;  // characters, with the space
  const std::string from = time_text(first);
  const std::string to = time_text(last);
  if (from == to) return to;
  return from + " to " + (from.substr(0, kDay) == to.substr(0, kDay) ? to.substr(kDay) : to);
}

}  // namespace

std::string names_of(const std::vector<HistoryReader::Run>& runs) {
  std::string names;
  for (const HistoryReader::Run& run : runs) names += (names.empty() ? "" : ", ") + run.run;
  return names;
}

std::vector<HistoryReader::Run> stored_runs(HistoryReader& history,
                                            const std::filesystem::path& store,
                                            const std::string& name) {
  std::vector<HistoryReader::Run> runs = history.runs();
  if (name.empty()) return runs;
  for (const HistoryReader::Run& run : runs) {
    if (run.run == name) return {run};
  }
  throw FileError(
      store, "run " + name,
      runs.empty() ? "this history has no runs yet" : "this history has " + names_of(runs));
}

std::string snapshots_text(const HistoryReader::Run& run) {
  return counted(run.observations, "snapshot");
}

std::string run_summary(const HistoryReader::Run& run) {
  std::string out = snapshots_text(run) + " to step " + std::to_string(run.last_step) + ", " +
                    from_to(run.first_time, run.last_time) + " UTC";
  if (run.attempts > 1) out += ", " + counted(run.attempts, "attempt");
  out += std::isnan(run.ended_at) ? ", not ended" : ", ended";
  for (const std::string& loss : losses_of(run)) out += ", " + loss;
  return out;
}

std::vector<std::string> losses_of(const HistoryReader::Run& run) {
  std::vector<std::string> losses;
  if (run.failed_snapshots > 0)
    losses.push_back(counted(run.failed_snapshots, "snapshot") + " failed");
  for (const ExporterLoss& loss : run.losses) {
    losses.push_back(printable(loss.exporter, kLongestExporter) + " never got " +
                     counted(loss.records, "record"));
  }
  return losses;
}

}  // namespace azimuth::cli
