#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "azimuth/examine.h"
#include "azimuth/monitor.h"
#include "azimuth/tracker.h"
#include "run/beginning.h"
#include "run/budget.h"
#include "run/snapshot.h"
#include "run/status_board.h"

namespace azimuth {

/// Makes records of snapshots. Owns all that one snapshot leaves for the next: tracker, sequence,
/// where spectral iterations start. Not thread-safe: the analysis thread's.
class Analyst {
 public:
  Analyst(const MonitorOptions& options, Beginning beginning, std::shared_ptr<Budget> budget,
          std::shared_ptr<StatusBoard> board, std::shared_ptr<const Clock> clock);

  /// Null for a snapshot whose step is not known yet: `begin` makes its record. Throws what an
  /// examination throws; the snapshot then leaves nothing for the next.
  std::shared_ptr<const Record> analyse(const Snapshot& snapshot, Workers& workers,
                                        Progress& progress);

  /// The weights at attach are those of `step`. Their record, if they have been analysed; else
  /// `analyse` makes it.
  std::shared_ptr<const Record> begin(std::int64_t step);

 private:
  struct Analysed {
    SnapshotFacts facts;
    Examination examined;
    bool spectral = false;
    double cpu_seconds = 0;
    double wall_seconds = 0;
  };

  ExamineOptions what_to_examine(const Snapshot& snapshot);
  std::shared_ptr<const Record> record_of(Analysed analysed);
  void go_on_from_history(std::int64_t step);
  void take_as_base(Observation& first);
  void note_resumption(Observation& observation) const;
  void account(const Analysed& analysed, Observation& observation);

  const MonitorOptions& options_;
  Beginning beginning_;
  const std::shared_ptr<Budget> budget_;
  const std::shared_ptr<StatusBoard> board_;
  const std::shared_ptr<const Clock> clock_;

  Tracker tracker_;
  std::int64_t sequence_;
  std::optional<std::int64_t> resumed_after_step_;  ///< until the first record since
  SpectralStart spectral_start_;
  std::vector<BlockObservation> spectral_blocks_;  ///< the last that were computed
  SpectralVectors spectral_vectors_;               ///< of these
  std::optional<std::int64_t> begins_at_;
  std::optional<Analysed> at_attach_;  ///< until its step is known
};

}  // namespace azimuth
