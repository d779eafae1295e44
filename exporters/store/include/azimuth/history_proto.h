#pragma once

#include "azimuth/history_chain.h"
#include "azimuth/history_reader.h"
#include "azimuth/v1/history.pb.h"

namespace azimuth {

/// A stored run as a message of azimuth.v1: everything but its observations and failed snapshots. A
/// time before 1970 or after the year 9999, which a damaged store may hold, becomes 1970-01-01:
/// JSON cannot say it.
v1::RunHistory to_proto(const HistoryReader::Run& run);
v1::FailedSnapshot to_proto(const FailedSnapshot& failed);
v1::RunChain to_proto(const HistoryChain& chain);

}  // namespace azimuth
