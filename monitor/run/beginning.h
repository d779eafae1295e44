#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "azimuth/architecture.h"
#include "azimuth/exporter.h"
#include "azimuth/monitor.h"
#include "azimuth/signature.h"
#include "azimuth/tracker.h"

namespace azimuth {

/// How a run begins: what its user has set before `attach`, then what its history knows. Constant
/// once the analysis has it.
struct Beginning {
  std::shared_ptr<const Signature> base;  ///< null: none
  bool first_snapshot_is_base = false;
  Tracker::References references;
  std::vector<std::int64_t> token_ids;  ///< of the probe
  std::vector<std::string> warnings;    ///< of what was asked for and is not used, a line each

  std::shared_ptr<RunHistory> history;  ///< part of an exporter, which it keeps alive; null: none
  std::int64_t attempt = 1;
  std::int64_t sequence = 0;  ///< of the last observation
  std::optional<std::int64_t> resumed_after_step;

  /// The run was there before. `queue_capacity` records may have been seen and not recorded.
  void go_on_from(const RunHistory::LastKnown& known, std::size_t queue_capacity);

  /// Throws std::invalid_argument for a base or a reference of another width than the model. A base
  /// without a direction is none.
  void check_signatures(std::int64_t hidden_size);

  /// The ids of the base, else those of the run's history, else those that were asked for, else the
  /// default ones. Throws std::invalid_argument for an id outside the vocabulary.
  void choose_probe(const RunHistory::LastKnown* known, const MonitorOptions& options,
                    const Architecture& architecture, std::int64_t vocab_size);
};

}  // namespace azimuth
