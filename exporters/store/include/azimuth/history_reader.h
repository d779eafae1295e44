#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/exporter.h"
#include "azimuth/observation.h"
#include "azimuth/signature.h"

namespace azimuth {

/// Reads what a HistoryStore wrote, also while it is being written, and from where nothing can be
/// written. Changes nothing in the file, and puts nothing beside it unless a run has it open or was
/// killed.
///
///     azimuth::HistoryReader history("pretrain-7.azimuth");
///     history.for_each("pretrain-7", [](const azimuth::Observation& o) { plot(o.step, o.loss); });
///
/// Every call reads the file anew. Each throws std::runtime_error, "FILE: what: why", where
/// the file is missing, is not a history, was made by a newer version or is damaged.
class HistoryReader {
 public:
  struct Run {
    std::string run;
    std::int64_t observations = 0;
    std::int64_t attempts = 0;           ///< the largest attempt: 1 for a run that never restarted
    std::int64_t last_step = 0;          ///< of the newest observation
    double first_time = kNotApplicable;  ///< seconds since 1970-01-01 UTC, of the observations
    double last_time = kNotApplicable;
    double ended_at = kNotApplicable;   ///< not applicable: runs still, or was killed
    std::int64_t failed_snapshots = 0;  ///< that came to nothing, over all attempts
    /// Exporters that had not taken every record when the run ended; empty if it has not.
    std::vector<ExporterLoss> losses = {};
  };

  explicit HistoryReader(const std::filesystem::path& path);

  /// In the order in which they began. A run whose snapshots all failed is there too, without an
  /// observation: its attempts, last step and times are then theirs.
  std::vector<Run> runs();

  /// Gives the observations of a run in order of attempt and sequence, all as they were when the
  /// call began; none for a run that is not there. What `use` throws ends the call.
  void for_each(std::string_view run, const std::function<void(const Observation&)>& use);

  /// The same of the snapshots that failed, in order of attempt and time.
  void for_each_failed_snapshot(std::string_view run,
                                const std::function<void(const FailedSnapshot&)>& use);

  /// The newest observation of a step: of several attempts that of the last.
  std::optional<Observation> at_step(std::string_view run, std::int64_t step);

  /// The signature that this observation amounts to, with the run's own noise floor.
  std::optional<Signature> signature_at_step(std::string_view run, std::int64_t step);

 private:
  std::string path_;
};

}  // namespace azimuth
