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

  /// Throws what an examination throws; the snapshot then leaves nothing for the next.
  std::shared_ptr<const Record> analyse(const Snapshot& snapshot, Workers& workers,
                                        Progress& progress);

 private:
  ExamineOptions what_to_examine(const Snapshot& snapshot);
  void go_on_from_history(std::int64_t step);
  void note_resumption(Observation& observation) const;
  static void note_fault(const std::optional<NonfiniteTensor>& fault, Observation& observation);
  void account(const Snapshot& snapshot, double cpu, double wall, Observation& observation);

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
};

}  // namespace azimuth
