#include "azimuth/history_reader.h"

#include <algorithm>
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

namespace {

/// The first version of the schema knew of neither failed snapshots nor losses.
bool knows_failures(Database& database) { return database.pragma("user_version") >= 2; }

void require_utf8(const Database& database, const char* what, const std::string& text) {
  if (!is_utf8(text)) {
    database.fail("cannot read", std::string(what) + " is not UTF-8: " + text);
  }
}

void add_observations(HistoryReader::Run& run, Database& database) {
  // Beside an aggregate, SQLite takes no other column from a certain row: hence the subquery.
  Statement rows(database, "cannot read", R"sql(
    SELECT count(*), max(attempt), min(time), max(time),
           (SELECT step FROM observations AS newest WHERE newest.run = ?1
            ORDER BY attempt DESC, sequence DESC LIMIT 1)
    FROM observations WHERE run = ?1)sql");
  if (!rows.text(1, run.run).step() || rows.integer(0) == 0) return;
  run.observations = rows.integer(0);
  run.attempts = rows.integer(1);
  run.first_time = rows.real(2);
  run.last_time = rows.real(3);
  run.last_step = rows.integer(4);
}

void add_failures(HistoryReader::Run& run, Database& database) {
  Statement rows(database, "cannot read", R"sql(
    SELECT count(*), max(attempt), min(time), max(time), max(step)
    FROM failed_snapshots WHERE run = ?)sql");
  if (!rows.text(1, run.run).step() || rows.integer(0) == 0) return;
  run.failed_snapshots = rows.integer(0);
  if (run.observations > 0) return;
  run.attempts = rows.integer(1);
  run.first_time = rows.real(2);
  run.last_time = rows.real(3);
  run.last_step = rows.integer(4);
}

void add_losses(HistoryReader::Run& run, Database& database) {
  Statement rows(database, "cannot read",
                 "SELECT exporter, records FROM losses WHERE run = ? ORDER BY exporter");
  rows.text(1, run.run);
  while (rows.step()) {
    run.losses.push_back({rows.text(0), rows.integer(1)});
    require_utf8(database, "the name of an exporter", run.losses.back().exporter);
  }
}

}  // namespace

std::vector<HistoryReader::Run> HistoryReader::runs() {
  const auto database = open_for_reading(path_);
  const bool failures = knows_failures(*database);
  Statement rows(*database, "cannot read", "SELECT run, ended_at FROM runs ORDER BY run");
  std::vector<Run> runs;
  while (rows.step()) {
    Run run;
    run.run = rows.text(0);
    require_utf8(*database, "the name of a run", run.run);
    add_observations(run, *database);
    if (failures) add_failures(run, *database);
    if (run.observations == 0 && run.failed_snapshots == 0) continue;
    if (!rows.is_null(1)) {
      run.ended_at = rows.real(1);
      if (failures) add_losses(run, *database);
    }
    runs.push_back(std::move(run));
  }
  database->check_rest();
  std::ranges::stable_sort(runs, {}, &Run::first_time);
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

void HistoryReader::for_each_failed_snapshot(
    std::string_view run, const std::function<void(const FailedSnapshot&)>& use) {
  const auto database = open_for_reading(path_);
  if (!knows_failures(*database)) return;
  Statement rows(*database, "cannot read", R"sql(
    SELECT attempt, step, time, reason FROM failed_snapshots WHERE run = ?
    ORDER BY attempt, time, step)sql");
  rows.text(1, run);
  while (rows.step()) {
    const FailedSnapshot failed = {std::string(run), rows.integer(0), rows.integer(1), rows.real(2),
                                   rows.text(3)};
    require_utf8(*database, "the reason of a failed snapshot", failed.reason);
    use(failed);
  }
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
