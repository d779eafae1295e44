#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "azimuth/history_proto.h"
#include "azimuth/history_reader.h"
#include "azimuth/history_store.h"
#include "azimuth/proto_conversion.h"
#include "support/sample_observation.h"

namespace azimuth::testing {

/// A tracker state that can be told from others by its `number`.
inline TrackerState sample_tracker(std::int64_t number) {
  TrackerState state;
  state.state = State::stable;
  state.state_since_step = number;
  state.window = {{number, 0.25, {0.6F, 0.8F}, {{1.0F, 0.0F}}}};
  state.anchor = state.window[0];
  state.high_norm_tokens = {{}, {1, 2}};
  state.noise_floor_degrees = 0.5;
  return state;
}

/// The tracker's number is that of the step.
inline Record sample_record(std::int64_t sequence, std::int64_t step, std::int64_t attempt = 1,
                            const std::string& run = "run-a") {
  Record record{sample_observation(sequence), sample_tracker(step), nullptr};
  record.observation.run = run;
  record.observation.attempt = attempt;
  record.observation.step = step;
  return record;
}

inline std::shared_ptr<const Signature> sample_base() {
  const Observation observation = sample_observation();
  auto base = std::make_shared<Signature>();
  base->model = observation.model;
  base->probe = observation.probe;
  base->stages = observation.stages;
  base->primary_stage = 0;
  base->direction = observation.direction;
  base->noise_floor_degrees = 0.125;
  base->created = 1'700'000'000;
  return base;
}

/// All fields of a struct, those that are NaN included.
template <class T>
std::string fields_of(const T& value) {
  return to_proto(value).DebugString();
}

inline MonitorStatus status_of(const std::string& run) {
  MonitorStatus status;
  status.run = run;
  return status;
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string name = (std::filesystem::temp_directory_path() / "azimuth-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = folder_ / "history.azimuth";
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }

  /// "attempt.sequence" of all observations of a run, in the order in which they are read.
  std::vector<std::string> stored(const std::string& run = "run-a") const {
    std::vector<std::string> keys;
    HistoryReader(path_).for_each(run, [&](const Observation& observation) {
      keys.push_back(std::to_string(observation.attempt) + "." +
                     std::to_string(observation.sequence));
    });
    return keys;
  }

  /// Runs SQL on the file, past the store.
  void run_sql(const std::string& sql) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

/// What `function` returns in a process that may not write to the folder, even if we are root. It
/// must be below 256.
template <class Function>
int without_permission(const std::filesystem::path& folder, const Function& function) {
  using std::filesystem::perms;
  std::filesystem::permissions(folder, static_cast<perms>(0555));
  const pid_t child = fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && setuid(kNobody) != 0) _exit(255);
    if (access(folder.c_str(), W_OK) == 0) _exit(254);
    try {
      _exit(function());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      _exit(253);
    }
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  std::filesystem::permissions(folder, static_cast<perms>(0755));
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace azimuth::testing
