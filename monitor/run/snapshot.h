#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "azimuth/model_weights.h"
#include "azimuth/monitor.h"
#include "run/taps.h"

namespace azimuth {

/// What is known of a snapshot beside its weights.
struct SnapshotFacts {
  /// Nothing of the one at attach, until the first step of training tells its step.
  std::optional<StepInfo> info;
  double time = 0;                         ///< seconds since 1970-01-01 UTC
  double training_thread_seconds = 0;      ///< that the copy took
  std::int64_t extra_bytes = 0;            ///< that copies hold beside the model
  bool first = false;                      ///< at attach: outside the budget
  std::optional<StepInfo> nonfinite_loss;  ///< the first one since the last snapshot
  /// Of the last snapshot, which `finish` takes: until when exporters may wait for consumers.
  std::optional<std::chrono::steady_clock::time_point> end_of_run;
};

/// What the training thread hands to the analysis.
struct Snapshot {
  SnapshotFacts facts;
  ModelWeights weights;
  Taps::Taken taken;  ///< what was tapped
};

}  // namespace azimuth
