#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "azimuth/history_reader.h"

namespace azimuth::cli {

/// The runs of a history, or the one that is asked for by a `name` that is not empty. Throws
/// FileError, naming the runs that there are, if it is not among them.
std::vector<HistoryReader::Run> stored_runs(HistoryReader& history,
                                            const std::filesystem::path& store,
                                            const std::string& name);

/// "pretrain-6, pretrain-7".
std::string names_of(const std::vector<HistoryReader::Run>& runs);

/// "25 snapshots", those that a later attempt repeated and the one at the end included.
std::string snapshots_text(const HistoryReader::Run& run);

/// "25 snapshots to step 192, 2026-05-01 12:03:04 to 12:07:10 UTC, 2 attempts, ended", and what of
/// the run was lost.
std::string run_summary(const HistoryReader::Run& run);

/// "3 snapshots failed", "grpc never got 2 records": what a run lacks. Empty: nothing.
std::vector<std::string> losses_of(const HistoryReader::Run& run);

}  // namespace azimuth::cli
