#pragma once

#include <cmath>
#include <filesystem>
#include <string>

#include "azimuth/history_store.h"
#include "support/sample_observation.h"

namespace azimuth::testing {

/// Writes a run that is watched every ten steps: its direction turns away from its base by a degree
/// a snapshot, and half-way its state changes.
inline void store_run(HistoryStore& store, const std::string& run, int snapshots) {
  for (int i = 0; i < snapshots; ++i) {
    Observation o = sample_observation(i + 1);
    o.run = run;
    o.attempt = 1;
    o.step = 10 * i;
    o.state = 2 * i < snapshots ? State::stable : State::drifting;
    o.state_since_step = 2 * i < snapshots ? 0 : 10 * ((snapshots + 1) / 2);
    o.angles = {{"previous", 1.0, 0.1, 10 * (i - 1)}, {"base", 1.0 * i, 0.1, 0}};
    o.events.clear();
    if (2 * i >= snapshots && 2 * (i - 1) < snapshots) {
      o.events = {{"state_changed", o.step, "stable → drifting <b>", kNotApplicable}};
    }
    store.write(Record{o, {}, nullptr});
  }
}

inline void store_run(const std::filesystem::path& path, const std::string& run, int snapshots) {
  HistoryStore store(path);
  store_run(store, run, snapshots);
}

}  // namespace azimuth::testing
