#include "stored_runs.h"

#include <google/protobuf/util/time_util.h>

#include <cmath>

#include "azimuth/file_error.h"
#include "printable.h"

namespace azimuth::cli {
namespace {

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

google::protobuf::Timestamp timestamp(double unix_seconds) {
  if (time_text(unix_seconds) == "-") return {};  // nor could JSON say it
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
      std::llround(std::floor(unix_seconds * 1e6)));
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
  return out + (std::isnan(run.ended_at) ? ", not ended" : ", ended");
}

v1::RunHistory to_proto(const HistoryReader::Run& run) {
  v1::RunHistory message;
  message.set_run(run.run);
  message.set_attempts(run.attempts);
  message.set_observation_count(run.observations);
  message.set_last_step(run.last_step);
  *message.mutable_first_time() = timestamp(run.first_time);
  *message.mutable_last_time() = timestamp(run.last_time);
  message.set_ended(!std::isnan(run.ended_at));
  return message;
}

}  // namespace azimuth::cli
