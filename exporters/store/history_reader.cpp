#include "azimuth/history_reader.h"

#include <string>

#include "azimuth/signature.h"
#include "azimuth/utf8.h"
#include "schema.h"
#include "stored_message.h"

namespace azimuth {

HistoryReader::HistoryReader(const std::filesystem::path& path)
    : path_(std::filesystem::absolute(path).string()) {
  open_for_reading(path_);
}

std::vector<HistoryReader::Run> HistoryReader::runs() {
  const auto database = open_for_reading(path_);
  // Beside an aggregate, SQLite takes no other column from a certain row: hence the subquery.
  Statement rows(*database, "cannot read", R"sql(
    SELECT run, count(*), max(attempt), min(time), max(time), ended_at,
           (SELECT step FROM observations AS newest WHERE newest.run = runs.run
            ORDER BY attempt DESC, sequence DESC LIMIT 1)
    FROM runs JOIN observations USING (run) GROUP BY run ORDER BY min(time), run)sql");
  std::vector<Run> runs;
  while (rows.step()) {
    Run run;
    run.run = rows.text(0);
    if (!is_utf8(run.run)) {
      database->fail("cannot read", "the name of a run is not UTF-8: " + run.run);
    }
    run.observations = rows.integer(1);
    run.attempts = rows.integer(2);
    run.first_time = rows.real(3);
    run.last_time = rows.real(4);
    if (!rows.is_null(5)) run.ended_at = rows.real(5);
    run.last_step = rows.integer(6);
    runs.push_back(std::move(run));
  }
  database->check_rest();
  return runs;
}

void HistoryReader::for_each(std::string_view run,
                             const std::function<void(const Observation&)>& use) {
  const auto database = open_for_reading(path_);
  Statement rows(*database, "cannot read",
                 "SELECT observation FROM observations WHERE run = ? ORDER BY attempt, sequence");
  rows.text(1, run);
  while (rows.step()) use(from_stored<v1::Observation>(*database, rows.blob(0)));
  database->check_rest();
}

namespace {

constexpr const char* kAtStep = R"sql(
    SELECT observation, tracker FROM observations WHERE run = ? AND step = ?
    ORDER BY attempt DESC, sequence DESC LIMIT 1)sql";

}  // namespace

std::optional<Observation> HistoryReader::at_step(std::string_view run, std::int64_t step) {
  const auto database = open_for_reading(path_);
  Statement rows(*database, "cannot read", kAtStep);
  rows.text(1, run).integer(2, step);
  if (!rows.step()) return std::nullopt;
  return from_stored<v1::Observation>(*database, rows.blob(0));
}

std::optional<Signature> HistoryReader::signature_at_step(std::string_view run, std::int64_t step) {
  const auto database = open_for_reading(path_);
  Statement rows(*database, "cannot read", kAtStep);
  rows.text(1, run).integer(2, step);
  if (!rows.step()) return std::nullopt;
  const auto tracker = from_stored<v1::TrackerState>(*database, rows.blob(1));
  return signature_of(from_stored<v1::Observation>(*database, rows.blob(0)),
                      tracker.noise_floor_degrees);
}

}  // namespace azimuth
