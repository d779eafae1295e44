#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "azimuth/history_reader.h"
#include "azimuth/observation.h"

namespace azimuth::cli {

/// A run as other programs take it. The names of the figures are a promise: docs/history.md.

/// The first line, then a line a snapshot, as RFC 4180 has them but with '\n' at their end; empty
/// where a number does not apply.
std::string csv_header();
std::string csv_row(const Observation& observation);

/// Writes an event file of TensorBoard for each run, into a folder of its name in `folder`. Throws
/// FileError.
void write_event_files(const std::filesystem::path& folder, HistoryReader& history,
                       const std::vector<HistoryReader::Run>& runs);

}  // namespace azimuth::cli
