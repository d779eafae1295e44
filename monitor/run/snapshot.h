#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "azimuth/model_weights.h"
#include "azimuth/monitor.h"

namespace azimuth {

/// What the training thread hands to the analysis.
struct Snapshot {
  ModelWeights weights;
  StepInfo info;
  double time = 0;                       ///< seconds since 1970-01-01 UTC
  double training_thread_seconds = 0;    ///< that the copy took
  std::vector<double> activation_norms;  ///< by block from 0; empty: nothing was tapped
  std::int64_t extra_bytes = 0;          ///< that copies hold beside the model
  bool first = false;                    ///< at attach: outside the budget
  /// Of the last snapshot, which `finish` takes: until when exporters may wait for consumers.
  std::optional<std::chrono::steady_clock::time_point> end_of_run;
};

}  // namespace azimuth
